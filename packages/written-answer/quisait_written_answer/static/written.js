// Sentences that a model chooses among those of the documents found. Without this script the section
// stays hidden.
"use strict";

{
  const section = document.getElementById("choisies");
  const shown = document.getElementById("choisies-extraits");
  const told = document.getElementById("choisies-dit");
  const form = section.querySelector("form");
  const button = form.querySelector("button");

  const made = (name, text, ...classes) => {
    const element = document.createElement(name);
    element.textContent = text;
    element.classList.add(...classes);
    return element;
  };

  const question = () => {
    const filters = {};
    for (const [name, value] of new FormData(form)) {
      if (name !== "q") (filters[name] ??= []).push(value);
    }
    return JSON.stringify({ q: form.elements.q.value, filters });
  };

  const quote = (one) => {
    const link = made("a", one.document.title);
    link.href = one.page;
    const about = made("p", "", "about");
    about.append(made("span", one.source));
    if (!one.asked) about.append(" ", link);
    else {
      link.textContent = one.source; // it has the title, which is the question that was asked
      about.replaceChildren(link);
    }
    return [made("blockquote", one.text, "quote"), about];
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    shown.replaceChildren();
    told.textContent = told.dataset.begun;
    try {
      const answer = await fetch("/api/v1/written-answer", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: question(),
      });
      const body = await answer.json();
      if (answer.ok) {
        if (body.heading) shown.append(made("h3", body.heading));
        shown.append(...body.quotes.flatMap(quote));
      }
      told.textContent = (answer.ok ? body.said : body.detail) || told.dataset.refused;
    } catch {
      shown.replaceChildren(); // the server is away, or the line was cut
      told.textContent = told.dataset.refused;
    }
    button.disabled = false;
  });

  section.hidden = false;
}
