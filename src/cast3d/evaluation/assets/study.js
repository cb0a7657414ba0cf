// One round after the other; answers live in localStorage until they are saved as a file.
const data = JSON.parse(document.getElementById("study").textContent);
const main = document.querySelector("main");
const place = `cast3d study ${data.study} ${data.version}`; // what is shown, and the answers
const person = `cast3d study ${data.study} rater`; // apart: another version of the page is rated by the same person

function make(tag, attributes = {}, ...children) {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children);
  return element;
}

function shuffled(items) {
  const list = [...items];
  for (let i = list.length - 1; i > 0; i -= 1) {
    const [draw] = crypto.getRandomValues(new Uint32Array(1));
    const j = draw % (i + 1);
    [list[i], list[j]] = [list[j], list[i]];
  }
  return list;
}

function drawn() {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fresh() {
  return {
    order: shuffled(data.rounds.keys()),
    objects: data.rounds.map((round) => shuffled(round.objects.map((object) => object.mark))),
    round: 0,
    scores: {}, // mark -> question -> score
  };
}

function kept() {
  try {
    return JSON.parse(localStorage.getItem(place));
  } catch {
    return null; // no storage, or something else in it
  }
}

function keep() {
  try {
    localStorage.setItem(place, JSON.stringify(state));
  } catch {
    // A browser without storage: answers last as long as the page.
  }
}

function identity(state) {
  let rater = state.rater ?? drawn(); // the answers' own where they are from before raters were kept apart
  try {
    rater = localStorage.getItem(person) ?? rater;
    localStorage.setItem(person, rater);
  } catch {
    // A browser without storage: nothing is remembered of anybody.
  }
  return rater;
}

const state = kept() ?? fresh();
state.rater = identity(state);

function slider(mark, question) {
  const value = (state.scores[mark] ?? {})[question];
  const shown = make("output", { textContent: value ?? "–" });
  const input = make("input", {
    type: "range", min: data.lowest, max: data.highest, step: 1,
    value: value ?? Math.round((data.lowest + data.highest) / 2), className: value === undefined ? "unset" : "",
  });
  input.dataset.mark = mark;
  input.dataset.question = question;
  const set = () => {
    state.scores[mark] = { ...state.scores[mark], [question]: Number(input.value) };
    shown.textContent = input.value;
    input.className = "";
    keep();
    update();
  };
  input.addEventListener("input", set);
  input.addEventListener("click", set); // a click on the middle changes nothing, and is an answer all the same
  return make("label", { title: data.asked[question] }, question, input, shown);
}

function complete(round) {
  const questions = Object.keys(data.asked);
  return round.objects.every(({ mark }) => questions.every((name) => (state.scores[mark] ?? {})[name] !== undefined));
}

function update() {
  const next = document.querySelector("[data-go='1']");
  if (next) next.disabled = !complete(data.rounds[state.order[state.round]]);
}

function go(step) {
  state.round += step;
  keep();
  show();
  window.scrollTo(0, 0);
}

function buttons() {
  const nav = make("nav", {});
  for (const [step, text] of [[-1, "Back"], [1, "Next"]]) {
    const button = make("button", { type: "button", textContent: text, onclick: () => go(step) });
    button.dataset.go = step;
    button.disabled = step < 0 && state.round === 0;
    nav.append(button);
  }
  nav.append(make("span", { className: "soft", textContent: `${state.round + 1} of ${data.rounds.length}` }));
  return nav;
}

function picture({ term, image }) {
  return make("figure", {}, make("img", { src: image, alt: term }), make("figcaption", { textContent: term }));
}

function show() {
  if (state.round >= data.rounds.length) return finish();
  const index = state.order[state.round];
  const round = data.rounds[index];
  const images = Object.fromEntries(round.objects.map(({ mark, image }) => [mark, image]));
  const objects = state.objects[index].map((mark, i) => {
    const alt = `Object ${i + 1}`;
    return make("div", { className: "object" }, make("img", { src: images[mark], alt }),
      ...Object.keys(data.asked).map((question) => slider(mark, question)));
  });
  main.replaceChildren(make("section", { className: "round" },
    make("h2", { textContent: round.prompt }),
    make("div", { className: "pictures" }, ...round.pictures.map(picture)),
    make("div", { className: "objects" }, ...objects), buttons()));
  update();
}

function answers() {
  const rated = data.rounds.filter(complete).flatMap((round) => round.objects.map(({ mark }) => mark));
  return {
    study: data.study, rater: state.rater,
    answers: rated.map((mark) => ({ mark, ...state.scores[mark] })),
  };
}

function finish() {
  const text = JSON.stringify(answers(), null, 1);
  const link = make("a", {
    textContent: "Save the answers", download: `answers-${state.rater}.json`,
    href: URL.createObjectURL(new Blob([text], { type: "application/json" })),
  });
  link.dataset.answers = text;
  main.replaceChildren(make("section", {}, make("h2", { textContent: "Thank you" }),
    make("p", {}, link, " and send the file to whoever gave you this page."),
    make("nav", {}, make("button", { type: "button", textContent: "Back", onclick: () => go(-1) }))));
}

show();
