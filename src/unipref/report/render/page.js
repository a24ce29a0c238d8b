"use strict";
// Interaction: hide variants, search and sort tables, choose light or dark colours, print. The page shows all text and
// tables without JavaScript.

const root = document.documentElement;
const [variants, sources] = ["variants", "sources"].map((id) => JSON.parse(document.getElementById(id).textContent));
const hiddenVariants = new Set();
const redrawCallbacks = []; // called after a change of the theme or of the visible variants
root.classList.add("js");

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function announce(text) {
  document.getElementById("announcement").textContent = text;
}

// Light and dark. The choice is stored if the browser allows local storage for a file.
function storedTheme(theme) {
  try {
    if (theme) localStorage.setItem("unipref-theme", theme);
    return localStorage.getItem("unipref-theme");
  } catch {
    return null;
  }
}

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function setUpTheme(aside) {
  const button = make("button", { id: "theme", type: "button" });
  const show = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colours`);
    redrawCallbacks.forEach((redo) => redo());
  };
  if (["light", "dark"].includes(storedTheme())) root.dataset.theme = storedTheme();
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    storedTheme(root.dataset.theme);
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  aside.append(button);
  show();
}

// The checkboxes that hide variants in tables and figures.
function setUpFilter(aside) {
  if (variants.length < 2) return;
  const boxes = variants.map((variant) => {
    const box = make("input", { type: "checkbox", checked: true, value: variant });
    box.addEventListener("change", () => show([box]));
    return box;
  });
  function show(some) {
    for (const box of some) hiddenVariants[box.checked ? "delete" : "add"](box.value);
    for (const part of document.querySelectorAll("[data-variant]"))
      part.classList.toggle("off", hiddenVariants.has(part.dataset.variant));
    redrawCallbacks.forEach((redo) => redo());
    announce(`${boxes.length - hiddenVariants.size} of ${boxes.length} variants shown`);
  }
  const set = (checked) => {
    boxes.forEach((box) => (box.checked = checked));
    show(boxes);
  };
  const both = make("div", { className: "all" });
  for (const [name, checked] of [["All", true], ["None", false]]) {
    const button = make("button", { type: "button", textContent: name });
    button.addEventListener("click", () => set(checked));
    both.append(button);
  }
  const labels = boxes.map((box) => make("label", {}, box, make("span", { textContent: box.value })));
  const legend = make("legend", { className: "hidden", textContent: "Variants shown in tables and figures" });
  const details = make("details", { className: "filter", open: true });
  details.append(make("summary", { textContent: "Variants" }), make("fieldset", {}, legend, both, ...labels));
  aside.append(details);
}

// On narrow screens, contents and filter lie over the page, one at a time, and close after a click elsewhere.
function setUpBar(aside) {
  const narrow = matchMedia("(max-width: 71.99rem)");
  const folds = [...aside.querySelectorAll("details")];
  const fit = () => folds.forEach((fold) => (fold.open = !narrow.matches));
  const close = (but) => narrow.matches && folds.forEach((fold) => fold !== but && (fold.open = false));
  narrow.addEventListener("change", fit);
  folds.forEach((fold) => fold.addEventListener("toggle", () => fold.open && close(fold)));
  aside.querySelector("nav").addEventListener("click", () => close());
  document.addEventListener("click", (event) => aside.contains(event.target) || close());
  document.addEventListener("keydown", (event) => {
    const open = narrow.matches && event.key === "Escape" && folds.find((fold) => fold.open);
    if (open) {
      close();
      open.querySelector("summary").focus();
    }
  });
  fit();
}

function setUpContents() {
  const links = new Map([...document.querySelectorAll("aside nav a")].map((link) => [link.hash.slice(1), link]));
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      links.forEach((link) => link.removeAttribute("aria-current"));
      links.get(entry.target.getAttribute("aria-labelledby"))?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-15% 0px -80% 0px" });
  document.querySelectorAll("main > section").forEach((section) => observer.observe(section));
  // A link opens the part that it leads to.
  const open = (id) => {
    const fold = document.getElementById(id)?.closest("details");
    if (fold) fold.open = true;
  };
  links.forEach((link, id) => link.addEventListener("click", () => open(id)));
  open(location.hash.slice(1));
}

// The samples: filters by source, objective and change, and a search.
const ANY = "";

function setUpSamples(box) {
  const samples = [...box.querySelectorAll(".sample")];
  const count = make("span", { role: "status" });
  const choices = ["source", "objective", "change"].map((key) => [key, addChoice(key)]).filter(([, choice]) => choice);
  const search = make("input", { type: "search", autocomplete: "off" });
  function addChoice(key) {
    const values = [...new Set(samples.map((sample) => sample.dataset[key]).filter(Boolean))];
    if (values.length < 2) return null;
    const options = [make("option", { value: ANY, textContent: "all" })];
    options.push(...values.map((value) => make("option", { value, textContent: value })));
    return make("select", {}, ...options);
  }
  function show() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const sample of samples) {
      const text = sample.textContent.toLowerCase();
      const matches = choices.every(([key, choice]) => choice.value === ANY || sample.dataset[key] === choice.value);
      const visible = matches && words.every((word) => text.includes(word));
      sample.classList.toggle("unmatched", !visible);
      shown += visible;
    }
    count.textContent = `${shown} of ${samples.length} examples`;
  }
  for (const [, control] of [...choices, ["", search]]) control.addEventListener("input", show);
  const labels = choices.map(([key, choice]) => make("label", {}, key[0].toUpperCase() + key.slice(1), choice));
  box.prepend(make("div", { className: "search" }, ...labels, make("label", {}, "Search", search), count));
  show();
}

// Tables.
const LONG = 12;

function setUpTable(table) {
  const rows = [...table.tBodies[0].rows];
  if (rows.length > LONG) addSearch(table, rows);
  const heads = [...[...table.tHead.rows].at(-1).cells];
  if (rows.length > LONG || (rows.length > 2 && heads.some((head) => head.classList.contains("number"))))
    heads.forEach((head, at) => addSort(table, head, at));
}

function addSearch(table, rows) {
  const input = make("input", { type: "search", autocomplete: "off" });
  const matchCount = make("span", { role: "status" });
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const matches = words.every((word) => text.includes(word));
      row.classList.toggle("unmatched", !matches);
      count += matches;
    }
    matchCount.textContent = words.length ? `${count} of ${rows.length} rows` : "";
  });
  table.closest(".table").prepend(make("div", { className: "search" }, make("label", {}, "Search", input), matchCount));
}

function addSort(table, head, at) {
  const button = make("button", { type: "button" });
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    table.tHead.querySelectorAll("[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows].map((row) => [sortValue(row.cells[at], head), row]);
    rows.sort(([a], [b]) => compare(a, b, down ? -1 : 1));
    table.tBodies[0].append(...rows.map(([, row]) => row));
  });
}

function sortValue(cell, head) {
  // The text of a heading cell precedes its star; the text of a data cell is in its own span.
  const text = (cell.tagName === "TH" ? cell.firstChild : cell.firstElementChild)?.textContent ?? "";
  if (!head.classList.contains("number")) return text.trim();
  const number = parseFloat(text.replaceAll(",", "").replace("−", "-"));
  return Number.isNaN(number) ? null : number;
}

// Missing values come last in both directions.
function compare(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  return sign * (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
}

// In print, all folded parts are open, and tables wider than the page are scaled down.
const PAPER = 1030; // width of A4 landscape between its margins, in pixels
const PRINT_SCALE = 0.82; // width of a table in print, relative to the screen
const LEAST_ZOOM = 0.5;
let unfolded = [];

addEventListener("beforeprint", () => {
  unfolded = [...document.querySelectorAll("main details:not([open])")];
  unfolded.forEach((fold) => (fold.open = true));
  for (const table of document.querySelectorAll("table"))
    table.style.zoom = Math.max(LEAST_ZOOM, Math.min(1, PAPER / (PRINT_SCALE * table.scrollWidth || 1)));
});
addEventListener("afterprint", () => {
  unfolded.forEach((fold) => (fold.open = false));
  for (const table of document.querySelectorAll("table")) table.style.zoom = "";
});

const aside = document.querySelector("aside");
setUpFilter(aside);
setUpTheme(aside);
setUpBar(aside);
setUpContents();
document.querySelectorAll("main table").forEach(setUpTable);
document.querySelectorAll(".samples").forEach(setUpSamples);
