// Tells that the page was seen, when it is; when its visitor first does something, and if he leaves
// without. Lines are joined when it is put into the page.
(function (token) {
  var w = window, d = document, began = Date.now(), seen = false, acted = false;
  function tell(path) {
    path += (path.indexOf("?") < 0 ? "?" : "&") + "t=" + token;
    if (!navigator.sendBeacon || !navigator.sendBeacon(path))
      fetch(path, { method: "POST", keepalive: true });
  }
  function look() {
    if (seen || d.visibilityState !== "visible") return;
    seen = true;
    tell("/seen");
  }
  function act() {
    if (acted) return;
    acted = true;
    tell("/signal?kind=interaction_ms&value=" + (Date.now() - began));
  }
  function leave() {
    if (seen && !acted) { acted = true; tell("/signal?kind=bounce&value=1"); }
  }
  look();
  d.addEventListener("visibilitychange", look);
  ["pointerdown", "keydown", "scroll"].forEach(function (kind) {
    w.addEventListener(kind, act, { once: true, passive: true });
  });
  w.addEventListener("pagehide", leave);
  w.novum = {
    token: token,
    did: function (value) { tell("/did" + (value === undefined ? "" : "?value=" + value)); },
    signal: function (kind, value) { tell("/signal?kind=" + kind + "&value=" + value); },
    consent: function () {}
  };
})
