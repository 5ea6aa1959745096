// What may answer already, and the topic, while a question is being written; without it a button
// shows the same.
"use strict";

{
  const PAUSE_MS = 400;
  const LEAST_CHARACTERS = 8;
  const field = document.getElementById("avant");
  const title = document.getElementById("titre");
  const list = document.getElementById("existing");
  const nothing = document.getElementById("nothing");
  const told = document.getElementById("existing-told");
  const topic = document.getElementById("sujet");
  let asked = null;
  let pause = 0;
  let chosen = false;

  const hidden = (name, value) => {
    const input = document.createElement("input");
    input.type = "hidden";
    input.name = name;
    input.value = value;
    return input;
  };

  const item = (found) => {
    const line = document.createElement("li");
    const link = document.createElement("a");
    const kind = document.createElement("span");
    const form = document.createElement("form");
    const button = document.createElement("button");
    link.href = found.address;
    link.textContent = found.title;
    kind.className = "post";
    kind.textContent = found.kind;
    form.method = "post";
    form.action = "/questions/existing";
    form.className = "inline";
    button.className = "quiet";
    button.textContent = list.dataset.answers;
    button.setAttribute("aria-label", list.dataset.about + found.title);
    form.append(hidden("document", found.document_id), button);
    line.append(link, " ", kind, " ", form);
    return line;
  };

  const show = (existing) => {
    list.replaceChildren(...existing.map(item));
    nothing.hidden = existing.length > 0;
    const said = ["none", "one"][existing.length] ?? "many";
    told.textContent = told.dataset[said].replace("{num}", existing.length);
  };

  // The topic that the words name, until the person chooses one.
  const propose = (id) => {
    if (!topic || chosen) return;
    topic.value = [...topic.options].some((one) => one.value === id) ? id : "";
  };

  const ask = async () => {
    asked?.abort();
    asked = new AbortController();
    if (field.value.trim().length < LEAST_CHARACTERS) return;
    try {
      const address = `/api/v1/questions/existing?q=${encodeURIComponent(field.value)}`;
      const answer = await fetch(address, { signal: asked.signal });
      if (!answer.ok) return;
      const found = await answer.json();
      show(found.existing);
      propose(found.topic_id);
    } catch {
      // a later letter was typed, or the server is away: the button still works
    }
  };

  const written = (from, to) => {
    from.addEventListener("input", () => {
      to.value = from.value;
      clearTimeout(pause);
      pause = setTimeout(ask, PAUSE_MS);
    });
  };
  topic?.addEventListener("change", () => {
    chosen = true;
  });
  written(field, title);
  written(title, field);
}
