// The page of a visitor who was not asked yet: your own banner calls novum.consent().
window.novum = {
  did: function () {},
  signal: function () {},
  consent: function () { return fetch("/consent", { method: "POST" }); }
};
