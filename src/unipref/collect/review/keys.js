"use strict";
// A key presses the button that names it. Without this script, the buttons are reached with Tab and Enter.
(() => {
  const form = document.querySelector("form.verdict, form.after");
  if (!form) return;
  const box = document.getElementById("keys"), place = "unipref-keys";
  let isSent = false;
  try { if (box) box.checked = localStorage.getItem(place) !== "off"; } catch { /* the browser keeps nothing */ }
  if (box) box.addEventListener("change", () => {
    try { localStorage.setItem(place, box.checked ? "on" : "off"); } catch { /* the same */ }
  });
  form.addEventListener("submit", event => {
    // One verdict for each page, however often a key is pressed.
    if (isSent) event.preventDefault();
    isSent = true;
  });
  addEventListener("pageshow", () => { isSent = false; });
  document.addEventListener("keydown", event => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (box && !box.checked) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const button = [...form.querySelectorAll("button[data-keys]")].find(one => one.dataset.keys.split(" ").includes(key));
    if (!button || button.disabled) return;
    event.preventDefault();
    form.requestSubmit(button);
  });
})();
