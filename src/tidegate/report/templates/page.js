(function () {
  "use strict";
  var root = document.documentElement;
  var plots = Array.prototype.slice.call(document.querySelectorAll(".plot"));
  var held = document.getElementById("schemes");
  var schemes = held ? JSON.parse(held.textContent) : null;
  var sources = plots.map(function (plot) { return plot.querySelector("script").textContent; });
  var system = window.matchMedia("(prefers-color-scheme: dark)");
  var options = { displayModeBar: false, doubleClick: false };

  function isDark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
  }

  // Figures hold the colours of one scheme; the others follow by name, so that every chart is stored once.
  function recoloured(source, dark) {
    var drawn = schemes[schemes.drawn];
    var wanted = schemes[root.dataset.colours + (dark ? "-dark" : "-light")];
    var pairs = {};
    Object.keys(drawn).forEach(function (role) { pairs[drawn[role]] = pairs[drawn[role]] || wanted[role]; });
    ["up", "down", "up_soft", "down_soft"].forEach(function (role) { pairs[drawn[role]] = wanted[role]; });
    return source.replace(/#[0-9a-f]{8}|#[0-9a-f]{6}/g, function (colour) { return pairs[colour] || colour; });
  }

  function draw(dark, paper) {
    if (!schemes || !window.Plotly) { return; }
    plots.forEach(function (plot, number) {
      var figure = JSON.parse(recoloured(sources[number], dark));
      var narrow = plot.clientWidth < 420;
      if (narrow && !paper) { figure.layout.font.size = 11; }
      figure.layout.height = plot.clientHeight;
      figure.layout.width = plot.clientWidth;
      if (paper) { figure.layout.width = plot.parentNode.className === "wide" ? 680 : 325; }
      window.Plotly.react(plot, figure.data, figure.layout, options);
    });
    root.dataset.drawn = String(plots.length);
  }

  function redraw() { draw(isDark(), false); }

  document.querySelector(".switches").hidden = false;
  document.getElementById("switch-theme").addEventListener("click", function () {
    root.dataset.theme = isDark() ? "light" : "dark";
    redraw();
  });
  document.getElementById("switch-colours").addEventListener("click", function () {
    root.dataset.colours = root.dataset.colours === "chinese" ? "western" : "chinese";
    redraw();
  });
  var width = window.innerWidth;
  window.addEventListener("resize", function () {
    if (window.innerWidth !== width) { width = window.innerWidth; redraw(); }
  });
  system.addEventListener("change", redraw);
  window.addEventListener("beforeprint", function () { draw(false, true); });
  window.addEventListener("afterprint", redraw);
  plots.forEach(function (plot) { plot.textContent = ""; });
  redraw();
})();
