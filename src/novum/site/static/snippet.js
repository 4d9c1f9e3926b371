// For other people's sites: <script src="https://SITE/snippet.js"></script> in the head, and
// data-novum="headline" (subhead, call_to_action, body) where the words go; data-novum-goal on what
// converts when it is clicked. What is not answered in time (data-timeout, 800 ms) stays as it was.
(function () {
  var w = window, d = document, me = d.currentScript, base = me.src.replace(/\/snippet\.js.*/, "");
  var style = d.createElement("style"), token, late, seen, key = "novum", asks = "consent" in me.dataset;
  function kept(name, value) {
    try {
      if (value) localStorage.setItem(name, value);
      return localStorage.getItem(name) || "";
    } catch (e) { return ""; }
  }
  function show() { style.remove(); }
  function tell(path) {
    if (token) navigator.sendBeacon(base + path + (path.indexOf("?") < 0 ? "?" : "&") + "t=" + token);
  }
  function look() {
    if (seen || !token || d.visibilityState !== "visible") return;
    seen = 1;
    tell("/seen");
  }
  function put(node, text) {
    if (!Array.isArray(text)) { node.textContent = text; return; }
    node.textContent = "";
    text.forEach(function (one) { node.appendChild(d.createElement("p")).textContent = one; });
  }
  function apply(found) {
    if (late || !found) return show();
    kept(key, found.visitor);
    d.querySelectorAll("[data-novum]").forEach(function (node) {
      var text = found.copy[node.dataset.novum];
      if (text !== undefined) put(node, text);
    });
    token = found.token;
    show();
    look();
  }
  function ready(found) {
    if (d.readyState !== "loading") apply(found);
    else d.addEventListener("DOMContentLoaded", function () { apply(found); });
  }
  function start() {
    style.textContent = "[data-novum]{visibility:hidden!important}";
    d.head.appendChild(style);
    setTimeout(function () { if (!token) { late = 1; show(); } }, +me.dataset.timeout || 800);
    fetch(base + "/variant" + (kept(key + "-ok") ? "?consent=1" : ""), { method: "POST", body: kept(key) })
      .then(function (r) { return r.status === 200 ? r.json() : 0; }).then(ready, show);
  }
  d.addEventListener("visibilitychange", look);
  d.addEventListener("click", function (e) {
    if (e.target.closest && e.target.closest("[data-novum-goal]")) tell("/did");
  });
  w.novum = {
    did: function (value) { tell("/did" + (value === undefined ? "" : "?value=" + value)); },
    consent: function () { kept(key + "-ok", 1); }
  };
  if (!asks || kept(key + "-ok")) start();
})();
