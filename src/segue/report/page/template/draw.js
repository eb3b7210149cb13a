"use strict";
// Draws every figure in the colours of the page: light or dark as the reader's system prefers, always light on paper.
const dark = matchMedia("(prefers-color-scheme: dark)");
const figures = [...document.querySelectorAll(".figure")].map((place) => ({
  place,
  ...JSON.parse(place.parentElement.nextElementSibling.textContent),
}));

function colours(layout, isDark) {
  const ink = isDark ? "#e6e8eb" : "#1c1e21", line = isDark ? "#343b44" : "#e3e7eb";
  const under = isDark ? "rgba(21, 24, 28, 0.75)" : "rgba(255, 255, 255, 0.75)";
  const look = { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", "font.color": ink };
  for (const axis of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key)))
    Object.assign(look, { [axis + ".gridcolor"]: line, [axis + ".zerolinecolor"]: line, [axis + ".linecolor"]: line });
  (layout.annotations ?? []).forEach((_, index) =>
    Object.assign(look, { [`annotations[${index}].font.color`]: ink, [`annotations[${index}].bgcolor`]: under }));
  return look;
}

function draw(isDark) {
  for (const { place } of figures) Plotly.relayout(place, colours(place.layout, isDark));
}

const isNarrow = matchMedia("(max-width: 600px)").matches;
const drawn = figures.map(({ place, data, layout }) => {
  if (isNarrow) layout.margin = { ...layout.margin, l: 44, r: 8 };
  return Plotly.newPlot(place, data, layout, { responsive: true, displaylogo: false, displayModeBar: false });
});
Promise.all(drawn).then(() => {
  draw(dark.matches);
  document.body.dataset.drawn = "yes";
});
dark.addEventListener("change", () => draw(dark.matches));
addEventListener("beforeprint", () => draw(false));
addEventListener("afterprint", () => draw(dark.matches));

// A page that is written again and again (segue report --watch) loads itself again, and stays where it was scrolled to.
const seconds = Number(document.body.dataset.refresh);
const kept = "segue-scroll" + location.pathname;
Promise.all(drawn).then(() => {
  const before = history.state?.[kept];
  if (before !== undefined) scrollTo(0, before);
});
if (seconds) setTimeout(() => {
  history.replaceState({ ...history.state, [kept]: scrollY }, "");
  location.reload();
}, 1000 * seconds);
