// Preview an answer, and find and cite documents in it, without loading the page again; without it
// the same buttons send the form.
"use strict";

document.addEventListener("submit", async (event) => {
  const { target: form, submitter } = event;
  if (!form.matches(".writing") || !["step", "cite"].includes(submitter?.name)) return;
  event.preventDefault();
  const written = form.elements.text;
  const body = new FormData(form);
  body.set(submitter.name, submitter.value);
  body.set("at", written.selectionStart);
  const after = written.value.length - written.selectionStart;
  let shown = null;
  try {
    const answer = await fetch(form.action, { method: "POST", body });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    shown = answer.ok ? page.getElementById(form.id) : null;
  } catch {
    // the server is away: the form itself tells
  }
  if (!shown) {
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name: submitter.name, value: submitter.value }));
    form.submit();
    return;
  }
  const field = shown.elements.text;
  form.replaceWith(shown);
  if (submitter.name === "cite") {
    field.setSelectionRange(field.value.length - after, field.value.length - after);
    field.focus();
  } else if (submitter.value === "preview") {
    shown.querySelector("h3").focus();
  } else {
    (shown.querySelector(".cite li a") ?? shown.elements.find).focus();
  }
});
