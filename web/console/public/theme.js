// Before the first paint, so that a chosen theme never flashes the other one.
(function () {
  try {
    var theme = JSON.parse(localStorage.getItem("bongsu.theme") || "null");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch (e) {
    // Storage is forbidden: the system's theme it is.
  }
})();
