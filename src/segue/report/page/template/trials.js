"use strict";
// The table of trials: sorted by a heading, filtered by words, with one chosen trial below it. Its state survives a page that
// loads itself again.
(() => {
  const section = document.getElementById("trials");
  if (!section) return;
  const { metric, columns, trials, lines } = JSON.parse(section.querySelector("script").textContent);
  const table = section.querySelector("table"), input = section.querySelector("input");
  const detail = document.getElementById("trial"), more = section.querySelector(".more");
  const words = columns.map((_, index) => trials.some((trial) => typeof trial.cells[index][0] === "string"));
  const PAGE = 25;
  const own = "segue-trials" + location.pathname;
  const state = { column: null, down: false, filter: "", chosen: null, shown: PAGE, ...history.state?.[own] };
  const keep = () => history.replaceState({ ...history.state, [own]: { ...state } }, "");

  const OPERATIONS = {
    "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b,
    "=": (a, b) => a === b, "!=": (a, b) => a !== b,
  };

  function condition(word) {
    const found = /^(.+?)(<=|>=|!=|<|>|=)(.+)$/.exec(word);
    const column = found ? columns.findIndex((name) => name.toLowerCase() === found[1]) : -1;
    if (column < 0) return (trial) => trial.text.includes(word);
    const number = Number(found[3]);
    return (trial) => {
      const [value, shown] = trial.cells[column];
      if (value === null) return false;
      if (typeof value === "number" && !Number.isNaN(number)) return OPERATIONS[found[2]](value, number);
      const [one, other] = [String(value ?? shown).toLowerCase(), found[3]];
      return OPERATIONS[found[2]](one, other);
    };
  }

  function compared(one, other) {
    const [a, b] = [one.cells[state.column][0], other.cells[state.column][0]];
    if (a === null || b === null) return (a === null) - (b === null); // empty cells are last in either order
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0;
    return state.down ? -order : order;
  }

  function element(name, text, parent) {
    const made = document.createElement(name);
    made.textContent = text;
    parent.append(made);
    return made;
  }

  function show() {
    const conditions = state.filter.toLowerCase().split(/\s+/).filter(Boolean).map(condition);
    const matching = trials.filter((trial) => conditions.every((holds) => holds(trial)));
    if (state.column !== null) matching.sort(compared);
    [...table.tHead.rows[0].cells].forEach((cell, index) => {
      const order = index !== state.column ? "none" : state.down ? "descending" : "ascending";
      cell.setAttribute("aria-sort", order);
    });
    const body = table.tBodies[0];
    body.replaceChildren();
    for (const trial of matching.slice(0, state.shown)) {
      const row = body.insertRow();
      row.dataset.trial = trial.number;
      row.classList.toggle("chosen", trial.number === state.chosen);
      trial.cells.forEach(([, text], index) => {
        const cell = row.insertCell();
        cell.classList.toggle("words", words[index]);
        if (index) cell.textContent = text;
        else element("button", text, cell).type = "button";
      });
    }
    section.querySelector("output").textContent = `${matching.length} of ${trials.length}`;
    more.hidden = matching.length <= state.shown;
    more.textContent = `Show ${Math.min(matching.length - state.shown, 100)} more`;
    keep();
  }

  function lineFigure(place, traces, title, trial) {
    const known = figures.findIndex((figure) => figure.place === place);
    if (known >= 0) figures.splice(known, 1);
    Plotly.purge(place);
    const isLegend = traces.some((trace) => trace.showlegend), height = isLegend && isNarrow ? 420 : 320;
    place.style.height = traces.length ? `${height}px` : "0";
    if (!traces.length) return;
    const layout = {
      height, margin: { l: isNarrow ? 44 : 60, r: 20, t: 10, b: 50 }, font: { family: "inherit" },
      xaxis: { title: { text: "environment steps per seed" }, range: [0, 1.03 * trial.steps.at(-1)] }, yaxis: { title: { text: title } },
      legend: { orientation: "h", y: isNarrow ? -0.45 : -0.25 },
      shapes: trial.ends.map((x) => ({ type: "line", x0: x, x1: x, yref: "paper", y0: 0, y1: 1, line: { dash: "dash", width: 1, color: "#888" } })),
    };
    Plotly.newPlot(place, traces, layout, { responsive: true, displaylogo: false, displayModeBar: false });
    figures.push({ place });
    Plotly.relayout(place, colours(place.layout, dark.matches));
  }

  const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#f0e442", "#888888"];

  function showTrial() {
    const trial = trials.find((each) => each.number === state.chosen);
    detail.hidden = !trial;
    if (!trial) return;
    detail.querySelector("h3").textContent = `Trial ${trial.number}`;
    const facts = detail.querySelector("dl");
    facts.replaceChildren();
    const cells = columns.slice(1).map((name, index) => [name, trial.cells[index + 1][1]]).filter(([, text]) => text);
    for (const [name, text] of [...cells, ...trial.facts]) {
      const place = element("div", "", facts);
      element("dt", name, place);
      element("dd", text, place);
    }
    const seeds = trial.seeds.map((values, seed) => ({
      x: trial.steps, y: values, name: `seed ${seed}`, mode: "lines", line: { width: 1, color: "#888" }, opacity: 0.6, showlegend: false,
    }));
    const curve = { x: trial.steps, y: trial.values, name: metric, mode: "lines+markers", line: { color: COLOURS[0] }, showlegend: false };
    lineFigure(detail.querySelector(".curve"), trial.steps.length ? [...seeds, curve] : [], metric, trial);
    const losses = Object.entries(trial.losses).map(([name, [x, y]], index) => ({
      x, y, name, mode: "lines", line: { color: COLOURS[index % COLOURS.length] }, showlegend: true,
    }));
    lineFigure(detail.querySelector(".losses"), trial.steps.length ? losses : [], "losses", trial);
    const pipeline = detail.querySelector("pre");
    pipeline.hidden = !trial.pipeline.length;
    pipeline.textContent = trial.pipeline.map((index) => lines[index]).join("\n");
  }

  for (const trial of trials)
    trial.text = [...trial.cells.map(([, text]) => text), ...trial.facts.map(([, text]) => text)].join(" ").toLowerCase();
  columns.forEach((name, index) => {
    const heading = element("th", "", table.tHead.rows[0]);
    heading.classList.toggle("words", words[index]);
    const button = element("button", name, heading);
    button.type = "button";
    button.addEventListener("click", () => {
      state.down = state.column === index ? !state.down : index === 1;
      state.column = index;
      show();
    });
  });
  table.tBodies[0].addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    const number = Number(row.dataset.trial);
    state.chosen = state.chosen === number ? null : number;
    show();
    showTrial();
    if (state.chosen !== null) detail.scrollIntoView({ block: "nearest" });
  });
  input.value = state.filter;
  input.addEventListener("input", () => {
    Object.assign(state, { filter: input.value, shown: PAGE });
    show();
  });
  more.addEventListener("click", () => {
    state.shown += 100;
    show();
  });
  show();
  showTrial();
})();
