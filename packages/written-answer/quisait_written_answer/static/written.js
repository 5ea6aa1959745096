// An answer that a model writes, sentence by sentence, and questions on it. The thread lives here and
// nowhere else; without this script the section stays hidden.
"use strict";

{
  const MOST_TURNS = 6; // as in the API
  const section = document.getElementById("redigee");
  const shown = document.getElementById("redigee-fil");
  const told = document.getElementById("redigee-dit");
  const further = document.getElementById("redigee-suite");
  const form = section.querySelector("form");
  const { q, next } = form.elements;
  const button = form.querySelector("button");
  const thread = [];

  const made = (name, text = "") => {
    const element = document.createElement(name);
    element.textContent = text;
    return element;
  };

  const filters = () => {
    const chosen = {};
    for (const [name, value] of new FormData(form)) {
      if (name !== "q" && name !== "next") (chosen[name] ??= []).push(value);
    }
    return chosen;
  };

  const link = (number, sources) => {
    const found = made("a", `[${number}]`);
    const { page, title } = sources.get(number);
    found.href = page;
    found.setAttribute("aria-label", `${form.dataset.source.replace("{num}", number)} : ${title}`);
    return found;
  };

  // The sources that the sentences cite, each once.
  const listed = (sources, cited) => {
    const list = made("ul");
    for (const number of [...cited].sort((one, other) => one - other)) {
      const item = made("li");
      const { page, title, heading } = sources.get(number);
      const found = made("a", [title, heading].filter(Boolean).join(", "));
      found.href = page;
      item.append(`[${number}] `, found);
      list.append(item);
    }
    return list;
  };

  async function* events(answer) {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) if (line.startsWith("data: ")) yield JSON.parse(line.slice(6));
    }
  }

  const write = async (question, turn) => {
    const said = made("p");
    const sources = new Map();
    const cited = new Set();
    const answer = await fetch("/api/v1/written-answer", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ q: question, filters: filters(), thread }),
    });
    if (!answer.ok) return (await answer.json()).detail;
    turn.append(said);
    for await (const event of events(answer)) {
      if (event.type === "question") said.before(made("p", form.dataset.searched + event.q));
      if (event.type === "passages") for (const one of event.passages) sources.set(one.number, one);
      if (event.type === "sentence") {
        said.append(event.text, ...event.cited.flatMap((one) => [" ", link(one, sources)]), " ");
        event.cited.forEach((one) => cited.add(one));
      }
      if (event.type !== "end") continue;
      if (event.outcome === "written") {
        turn.append(listed(sources, cited));
        thread.push(question);
        thread.splice(0, thread.length - MOST_TURNS);
      } else turn.replaceChildren();
      return event.said;
    }
    turn.replaceChildren();
    return "";
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const question = thread.length ? next.value.trim() : q.value;
    if (!question || button.disabled) return;
    const turn = made("div");
    const before = thread.length;
    if (before) shown.append(made("h3", question));
    shown.append(turn);
    button.disabled = true;
    told.textContent = told.dataset.begun;
    try {
      told.textContent = (await write(question, turn)) || told.dataset.refused;
    } catch {
      turn.replaceChildren(); // the server is away, or the line was cut
      told.textContent = told.dataset.refused;
    }
    button.disabled = false;
    if (thread.length) {
      further.hidden = false;
      next.value = "";
      button.textContent = "Demander";
    }
  });

  section.hidden = false;
}
