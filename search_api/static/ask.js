// What may answer already, the topic, and whom the question goes to, while it is being written: the
// part of the page that its button also shows before anything is asked.
"use strict";

{
  const PAUSE_MS = 400;
  const LEAST_CHARACTERS = 8;
  const form = document.getElementById("poser");
  const found = document.getElementById("found");
  const told = document.getElementById("told");
  const { title, topic } = form.elements;
  let asked = null;
  let pause = 0;
  let waits = false;
  let chosen = Boolean(topic?.value) && !title.value;

  const show = (part) => {
    // A name or button that the keyboard is on stays so.
    const held = found.contains(document.activeElement) ? document.activeElement.value : undefined;
    found.replaceChildren(...part.childNodes);
    if (held) found.querySelector(`[value="${CSS.escape(held)}"]:not([type=hidden])`)?.focus();
    told.textContent = part.dataset.told;
  };

  // The browser parses the page: a policy forbids scripts to make elements of text.
  const fetched = (body) =>
    new Promise((resolve) => {
      asked?.abort();
      asked = new XMLHttpRequest();
      asked.responseType = "document";
      asked.open("POST", form.action);
      asked.addEventListener("loadend", ({ target }) => resolve(target.status === 200 ? target.response : null));
      asked.send(body);
    });

  const look = async () => {
    clearTimeout(pause);
    const body = new URLSearchParams(new FormData(form));
    body.set("look", "true");
    // The topic that the words name, until the person chooses one.
    if (!chosen) body.delete("topic");
    const page = await fetched(body);
    // Null if a later letter was typed, or the server is away: the button still works.
    if (!page) return;
    show(page.getElementById("found"));
    if (topic && !chosen) topic.value = page.getElementById("sujet").value;
    waits = false;
  };

  const later = (ms) => {
    clearTimeout(pause);
    waits = title.value.trim().length >= LEAST_CHARACTERS;
    if (waits) pause = setTimeout(look, ms);
  };

  title.addEventListener("input", () => later(PAUSE_MS));
  // What was typed before this script came.
  if (found.querySelector("[name=look]")) later(PAUSE_MS);
  // A question is one line: Enter sends it, as in a field of one line.
  title.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("change", (event) => {
    chosen ||= event.target === topic;
    if (event.target.matches("select")) later(0);
  });
  // What is being looked up is awaited; what answers the first words is read before they are sent.
  form.addEventListener("submit", async (event) => {
    if (!waits || event.submitter?.name === "document") return;
    event.preventDefault();
    const first = found.querySelector("[name=look]");
    await look();
    waits = false;
    if (first) title.scrollIntoView();
    else form.requestSubmit();
  });
}
