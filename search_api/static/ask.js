// What may answer already, the topic, and whom the question goes to, while it is being written;
// without it a button shows the same.
"use strict";

{
  const PAUSE_MS = 400;
  const LEAST_CHARACTERS = 8;
  const at = (id) => document.getElementById(id);
  const title = at("titre");
  const answers = at("answers");
  const list = at("existing");
  const nothing = at("nothing");
  const told = at("existing-told");
  const topic = at("sujet");
  const target = at("aqui");
  const readers = at("lecteurs");
  const first = document.querySelector("#poser input[name=to]");
  const shownFor = at("shown-for");
  const way = at("way");
  const choose = at("choose");
  const recipients = at("recipients");
  let asked = null;
  let pause = 0;
  let chosen = false;

  const element = (name, properties, ...parts) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...parts);
    return made;
  };

  const item = (found) => {
    const button = element("button", { className: "quiet", name: "document", value: found.document_id }, list.dataset.answers);
    button.setAttribute("formaction", "/questions/existing");
    button.setAttribute("aria-label", list.dataset.about + found.title);
    button.formNoValidate = true;
    const link = element("a", { href: found.address }, found.title);
    const kind = element("span", { className: "post" }, found.kind);
    return element("li", {}, link, " ", kind, " ", button);
  };

  const show = (existing) => {
    list.replaceChildren(...existing.map(item));
    nothing.hidden = existing.length > 0;
    answers.hidden = false;
    const said = ["none", "one"][existing.length] ?? "many";
    told.textContent = told.dataset[said].replace("{num}", existing.length);
  };

  // The topic that the words name, until the person chooses one.
  const propose = (id) => {
    if (!topic || chosen) return;
    topic.value = [...topic.options].some((one) => one.value === id) ? id : "";
  };

  const toMetier = () => target?.value.startsWith(target.dataset.metier);

  const tell = () => {
    const every = [...recipients.children];
    const kept = every.filter((one) => one.querySelector("input[type=checkbox]").checked);
    const names = kept.map((one) => one.querySelector(".name").textContent);
    const said = way.dataset;
    if (target?.value && !toMetier()) way.textContent = said.community;
    else if (!every.length) way.textContent = said.nobody;
    else if (!names.length) way.textContent = said.kept;
    else {
      const who = [names.slice(0, -1).join(", "), names.at(-1)].filter(Boolean).join(said.or);
      const others = kept.length === every.length ? said.others : "";
      way.textContent = said.before + who + (names.length > 1 ? said.many : said.one) + others + said.end;
    }
  };

  const recipient = (one, checked) => {
    const box = element("input", { type: "checkbox", name: "recipients", value: one.id, checked });
    const name = element("span", { className: "name" }, one.name);
    const post = element("span", { className: "post" }, [one.metier, one.entity].filter(Boolean).join(" · "));
    const named = element("input", { type: "hidden", name: "named", value: one.id });
    return element("li", {}, named, element("label", {}, box, " ", name), " ", post);
  };

  // A recipient whom the person took away stays so while they go on writing.
  const plan = (found, written) => {
    const away = [...recipients.querySelectorAll("input[type=checkbox]:not(:checked)")].map((one) => one.value);
    recipients.replaceChildren(...found.map((one) => recipient(one, !away.includes(one.id))));
    choose.hidden = !found.length;
    shownFor.value = written;
    tell();
  };

  const ask = () => {
    asked?.abort();
    asked = new AbortController();
    shownFor.value = "";
    if (title.value.trim().length < LEAST_CHARACTERS) return;
    const [scope, ...scopeId] = readers.value.split(":");
    const written = `${target?.value ?? ""}|${readers.value}|${title.value}`;
    const parameters = new URLSearchParams({
      q: title.value,
      to: first?.value ?? "",
      community: toMetier() ? "" : (target?.value ?? ""),
      metier: toMetier() ? target.value.slice(target.dataset.metier.length) : "",
      scope,
      scope_id: scopeId.join(":"),
    });
    const { signal } = asked;
    const get = async (what, then) => {
      try {
        const answer = await fetch(`/api/v1/questions/${what}`, { signal });
        if (answer.ok) then(await answer.json());
      } catch {
        // a later letter was typed, or the server is away: the button still works
      }
    };
    get(`existing?${new URLSearchParams({ q: title.value })}`, (found) => {
      show(found.existing);
      propose(found.topic_id);
    });
    get(`recipients?${parameters}`, (found) => plan(found.recipients, written));
  };

  at("looking").hidden = true;
  title.addEventListener("input", () => {
    shownFor.value = "";
    clearTimeout(pause);
    pause = setTimeout(ask, PAUSE_MS);
  });
  // A question is one line: Enter sends it, as in a field of one line.
  title.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    title.form.requestSubmit();
  });
  topic?.addEventListener("change", () => {
    chosen = true;
  });
  target?.addEventListener("change", ask);
  readers.addEventListener("change", ask);
  recipients.addEventListener("change", tell);
}
