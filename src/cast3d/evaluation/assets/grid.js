// Sorting, and one model at a time to turn.

const values = JSON.parse(document.getElementById("data").textContent);
const chooser = document.querySelector('[data-control="metric"]');
const body = document.querySelector(".grid tbody"), dialog = document.querySelector("dialog");
let sortedBy = "", waitingFor = null, turned = null;

function shown(metric, method, name) {
  const value = values[metric]?.[method]?.[name];
  return value === undefined ? "–" : value.toFixed(Math.abs(value) < 0.1 ? 3 : 2);
}

function refresh() {
  const metric = chooser.value, better = Number(chooser.selectedOptions[0].dataset.better);
  for (const row of body.rows) {
    for (const cell of row.querySelectorAll("td[data-method]")) {
      const place = cell.querySelector(".value");
      if (place) place.textContent = shown(metric, cell.dataset.method, row.dataset.case);
    }
  }
  const key = (row) => sortedBy ? better * (values[metric]?.[sortedBy]?.[row.dataset.case] ?? -Infinity * better) : 0;
  const rows = [...body.rows];
  rows.sort((a, b) => sortedBy ? key(b) - key(a) : Number(a.dataset.index) - Number(b.dataset.index));
  body.append(...rows);
  document.querySelectorAll(".grid th").forEach((head) => head.classList.toggle("sorted", head.dataset.method === sortedBy));
}

// Called by the scripts in page/.
function modelIsHere(base64) {
  waitingFor?.(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
}

function open(image) {
  const row = image.closest("tr"), method = image.closest("td").dataset.method;
  dialog.querySelector("h2").textContent = `${row.dataset.case}: ${method}`;
  const numbers = dialog.querySelector(".numbers");
  numbers.replaceChildren(...[...chooser.options].map((option) => {
    const line = document.createElement("div");
    line.textContent = `${option.textContent}: ${shown(option.value, method, row.dataset.case)}`;
    return line;
  }));
  const canvas = document.createElement("canvas");
  dialog.querySelector(".stage").replaceChildren(canvas);
  dialog.showModal();
  waitingFor = async (bytes) => {
    try {
      turned?.view.dispose();
      turned = await cast3dViewer.show(canvas, bytes);
      dialog.dataset.viewer = "ready";
    } catch (error) {
      dialog.dataset.viewer = "failed";
      numbers.textContent = `The 3D view could not start: ${error.message}.`;
    }
  };
  const script = document.createElement("script");
  script.src = image.dataset.model;
  script.onerror = () => { numbers.textContent = `${image.dataset.model} is missing.`; };
  document.body.append(script);
}

[...body.rows].forEach((row, index) => { row.dataset.index = index; });
chooser.addEventListener("change", refresh);
document.querySelectorAll(".grid th button").forEach((button) => button.addEventListener("click", () => {
  sortedBy = button.parentElement.dataset.method;
  refresh();
}));
body.addEventListener("click", (event) => { if (event.target.dataset.model) open(event.target); });
dialog.addEventListener("close", () => { dialog.querySelector(".stage").replaceChildren(); waitingFor = null; turned?.view.dispose(); turned = null; });
refresh();
document.documentElement.dataset.grid = "ready";
