"use strict";
(() => {
  const form = document.querySelector(".choose");
  const words = document.getElementById("words");
  const step = document.getElementById("of-step");
  const count = document.getElementById("count");
  const kinds = [...form.querySelectorAll("input[type=checkbox]")];
  const lines = [...document.querySelectorAll("#log li")].map((line) => ({
    line, step: line.dataset.step, kind: line.dataset.kind, text: line.textContent.toLowerCase(),
  }));
  const found = typeof Highlight === "function" && CSS.highlights ? new Highlight() : null;
  const MARKED = 500; /* lines whose hits are marked */

  const mark = (line, word) => {
    const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const text = node.data.toLowerCase();
      if (text.length !== node.data.length) continue;
      for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
        const range = new Range();
        range.setStart(node, at);
        range.setEnd(node, at + word.length);
        found.add(range);
      }
    }
  };

  const choose = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = new Set(kinds.filter((box) => box.checked).map((box) => box.value));
    let shown = 0;
    if (found) found.clear();
    for (const { line, step: of, kind, text } of lines) {
      const hit = (step.value === "all" || step.value === of) && chosen.has(kind) &&
        wanted.every((word) => text.includes(word));
      line.hidden = !hit;
      shown += hit;
      if (hit && found && shown <= MARKED) wanted.forEach((word) => mark(line, word));
    }
    count.textContent = shown === lines.length ? `${shown} lines` : `${shown} of ${lines.length} lines`;
  };

  const all = () => {
    words.value = "";
    step.value = "all";
    kinds.forEach((box) => { box.checked = true; });
  };

  let timer = 0;
  if (found) CSS.highlights.set("found", found);
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", choose);
  words.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(choose, 80);
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input[type=search], select");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      words.focus();
    } else if (event.key === "Escape" && event.target === words) {
      all();
      choose();
    }
  });
  for (const link of document.querySelectorAll(".to-log"))
    link.addEventListener("click", () => {
      all();
      step.value = link.dataset.step;
      if (step.selectedIndex < 0) step.value = "all";
      choose();
    });
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
  choose();
})();
