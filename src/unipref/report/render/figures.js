// The figures: unpacks plotly.js and draws each figure in the page's colours, with a legend of buttons below it.

const PALETTE = 8;
const FONT = "system-ui, sans-serif";
const COARSE = matchMedia("(pointer: coarse)").matches;
// Some of plotly's own buttons send the data of a figure to a server, so they are left out.
const BUTTONS = [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]];
const CONFIG = { responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: "", modeBarButtons: BUTTONS };
if (COARSE) CONFIG.displayModeBar = false;
const [BESIDE, LETTER] = [120, 7.5]; // in pixels: space beside an axis, and width of a character of its title
const HOVER_AFTER = 80; // milliseconds; plotly shows a label at most every 50
const FIXED = { kept: "--kept", "left out": "--left", front: "--soft", base: "--ink" };
const WITH_LEGEND = new Set(["scatter", "bar", "box", "violin", "histogram"]);
let printing = false;

function colour(name) {
  return getComputedStyle(root).getPropertyValue(name).trim();
}

function template() {
  const [ink, soft, line, page, panel] = ["--ink", "--soft", "--line", "--page", "--panel"].map(colour);
  const errors = { thickness: 1.2, width: 0 };
  // On touch screens, dragging must scroll the page rather than the figure.
  const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, tickcolor: line, automargin: true };
  axis.fixedrange = COARSE;
  axis.title = { standoff: 10, font: { color: soft } };
  return {
    layout: {
      autosize: true,
      font: { family: FONT, size: 12, color: ink },
      paper_bgcolor: page,
      plot_bgcolor: page,
      colorway: Array.from({ length: PALETTE }, (_, at) => colour(`--c${at}`)),
      margin: { l: 12, r: 16, t: 12, b: 12 },
      hoverlabel: { bgcolor: panel, bordercolor: soft, font: { family: FONT, color: ink, size: 13 }, align: "left", namelength: -1 },
      autotypenumbers: "strict",
      xaxis: axis,
      yaxis: { ...axis, ticks: "outside", ticklen: 6, tickcolor: page }, // a gap between labels and points
      shapedefaults: { line: { color: soft }, label: { font: { color: soft } } },
    },
    data: {
      scatter: [{ error_x: errors, error_y: errors, line: { width: 1.8 } }],
      bar: [{ error_x: errors, error_y: errors }],
    },
  };
}

class Plot {
  constructor(spec, place) {
    this.spec = spec;
    this.place = place;
    this.hidden = new Set();
    this.height = spec.layout.height ?? 320;
    this.at = -1;
  }

  key(trace) {
    return trace.legendgroup ?? trace.name ?? "";
  }

  // The colour of a trace: by its name, its variant, its source or its index.
  colour(trace, at) {
    const known = [variants.indexOf(trace.meta?.variant), sources.indexOf(trace.meta?.source)];
    const own = FIXED[trace.name];
    return colour(own ?? `--c${(known.find((place) => place >= 0) ?? at) % PALETTE}`);
  }

  shown(trace) {
    return !hiddenVariants.has(trace.meta?.variant) && !this.hidden.has(this.key(trace));
  }

  traces() {
    return structuredClone(this.spec.traces).map((trace, at) => {
      if (trace.type === "scatter" && (trace.meta || trace.name in FIXED)) {
        const own = this.colour(trace, at);
        trace.marker = { color: own, ...trace.marker };
        trace.line = { color: own, ...trace.line };
      } else if (trace.type === "bar" && (trace.meta || trace.name in FIXED)) {
        trace.marker = { color: this.colour(trace, at), ...trace.marker };
      }
      return { ...trace, visible: this.shown(trace) };
    });
  }

  layout() {
    const layout = { ...structuredClone(this.spec.layout), template: template(), showlegend: false };
    layout.height = this.height;
    if (layout.yaxis?.type === "category") layout.height = this.heightOfLines();
    for (const [axis, length] of [[layout.xaxis, this.place.clientWidth - BESIDE], [layout.yaxis, layout.height - BESIDE]])
      if (axis?.title?.text) axis.title.text = wrap(axis.title.text, Math.max(length, BESIDE) / LETTER);
    if (printing) layout.width = this.place.closest(".figures")?.children.length > 1 ? 500 : 1000;
    return layout;
  }

  // The height of a figure with one line per visible category.
  heightOfLines() {
    const names = (traces) => new Set(traces.flatMap((trace) => trace.y ?? [])).size;
    const around = 90;
    const part = names(this.spec.traces.filter((trace) => this.shown(trace))) / (names(this.spec.traces) || 1);
    return Math.round(around + (this.height - around) * part);
  }

  draw() {
    const layout = this.layout();
    this.place.style.height = `${layout.height}px`;
    const done = Plotly.react(this.place, this.traces(), layout, { ...CONFIG });
    this.drawLegend();
    this.drawn = true;
    return done;
  }

  // Replaces the figure by the reason why it cannot be drawn.
  fail(error) {
    this.drawn = false;
    this.failed = true;
    this.place.parentElement.querySelector(".legend").replaceChildren();
    this.place.replaceChildren();
    showFailure(this.place, error);
  }

  // Returns whether the figure was drawn.
  async drawOrFail() {
    if (this.failed) return false;
    try {
      await this.draw();
    } catch (error) {
      this.fail(error);
    }
    return !this.failed;
  }

  drawLegend() {
    const box = this.place.parentElement.querySelector(".legend");
    const groups = new Map();
    this.spec.traces.forEach((trace, at) => {
      if (WITH_LEGEND.has(trace.type ?? "scatter") && trace.name && trace.showlegend !== false)
        if (!groups.has(this.key(trace))) groups.set(this.key(trace), [trace, at]);
    });
    if (groups.size < 2 || this.spec.layout.showlegend === false) return;
    const buttons = [...groups].map(([key, [trace, at]]) => {
      const sign = make("i", { textContent: trace.meta?.mark ?? (trace.mode === "lines" ? "━" : "●") });
      sign.style.color = trace.marker?.color && typeof trace.marker.color === "string" ? trace.marker.color : this.colour(trace, at);
      sign.ariaHidden = "true";
      const button = make("button", { type: "button" }, sign, unescapeText(key));
      button.ariaPressed = String(!this.hidden.has(key));
      button.classList.toggle("off", hiddenVariants.has(trace.meta?.variant));
      button.addEventListener("click", () => {
        this.hidden[this.hidden.has(key) ? "delete" : "add"](key);
        button.ariaPressed = String(!this.hidden.has(key));
        this.drawOrFail();
        box.children[[...groups.keys()].indexOf(key)].focus();
      });
      return button;
    });
    box.replaceChildren(...buttons);
  }

  // Moves to another point with the arrow keys and announces its label to screen readers.
  step(by) {
    const points = this.place.data.flatMap((trace, curveNumber) =>
      trace.visible === false || !Array.isArray(trace.x) || trace.hoverinfo === "skip"
        ? []
        : trace.x.map((_, pointNumber) => ({ curveNumber, pointNumber })));
    if (!points.length) return;
    this.at = (this.at + by + points.length) % points.length;
    Plotly.Fx.hover(this.place, [points[this.at]]);
    setTimeout(() => announce(this.label()), HOVER_AFTER);
  }

  label() {
    const texts = [...this.place.querySelectorAll(".hoverlayer .hovertext text")];
    const lines = texts.flatMap((text) => [...text.querySelectorAll("tspan.line")]);
    return (lines.length ? lines : texts).map((line) => line.textContent).filter(Boolean).join("; ");
  }
}

// Wraps a title into lines of at most `letters` characters.
function wrap(title, letters) {
  const lines = title.split("<br>").flatMap((line) => {
    const rows = [""];
    for (const word of unescapeText(line).match(new RegExp(`\\S{1,${Math.floor(letters)}}`, "g")) ?? [])
      if (!rows.at(-1)) rows[rows.length - 1] = word;
      else if (rows.at(-1).length + word.length < letters) rows[rows.length - 1] += ` ${word}`;
      else rows.push(word);
    return rows;
  });
  return lines.map((line) => line.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")).join("<br>");
}

// Undoes the escaping of text for plotly, for use elsewhere on the page.
function unescapeText(text) {
  return text.replaceAll("<br>", " ").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

function showFailure(place, error) {
  const words = `This browser cannot draw the figure: ${error.message}. The text below describes it.`;
  place.style.height = "auto";
  place.append(make("p", { className: "failed", textContent: words }));
}

let plots = [];

// A figure in a folded part has no size: it is drawn when its part is opened.
function isFolded(place) {
  return place.closest("details:not([open])") !== null;
}

async function unpack(id) {
  if (!("DecompressionStream" in window)) throw new Error("DecompressionStream is missing");
  const packed = Uint8Array.from(atob(document.getElementById(id).textContent), (sign) => sign.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
}

async function drawAll(places) {
  try {
    const specs = JSON.parse(await unpack("figures"));
    document.head.append(make("script", { textContent: await unpack("plotly") }));
    if (!window.Plotly) throw new Error("plotly.js did not start");
    plots = specs.map((spec, at) => new Plot(spec, places[at]));
  } catch (error) {
    for (const place of places) showFailure(place, error);
    root.dataset.figures = "failed";
    return;
  }
  document.addEventListener("toggle", (event) => event.target.open && drawVisible(), true);
  await drawVisible();
}

// Draws the figures that are not drawn and not folded, one after the other.
async function drawVisible() {
  for (const plot of plots) {
    if (plot.drawn || plot.failed || isFolded(plot.place)) continue;
    if (await plot.drawOrFail()) makeReachable(plot);
    await new Promise((resolve) => setTimeout(resolve)); // the page stays responsive between two figures
  }
  root.dataset.figures = plots.some((plot) => plot.failed) ? "failed" : "drawn";
}

// Lets the arrow keys move between the points of a figure.
function makeReachable(plot) {
  if (plot.reachable) return;
  plot.reachable = true;
  plot.place.tabIndex = 0;
  plot.place.setAttribute("aria-label", `${plot.place.getAttribute("aria-label")}. Use the arrow keys to move between points.`);
  plot.place.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    plot.step(by);
  });
}

function redraw() {
  for (const plot of plots) {
    if (!plot.drawn) continue;
    if (isFolded(plot.place)) plot.drawn = false;
    else plot.drawOrFail();
  }
}

let theme;
addEventListener("beforeprint", () => {
  if (!window.Plotly) return;
  printing = true;
  theme = root.dataset.theme;
  root.dataset.theme = "light";
  plots.forEach((plot) => plot.drawOrFail());
});
addEventListener("afterprint", () => {
  if (!window.Plotly) return;
  printing = false;
  if (theme) root.dataset.theme = theme;
  else delete root.dataset.theme;
  redraw();
});

redrawCallbacks.push(redraw);
const places = [...document.querySelectorAll(".plot")];
if (places.length) drawAll(places);
else root.dataset.figures = "drawn";
