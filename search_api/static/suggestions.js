// Suggestions while somebody types; without it the field is an ordinary one.
"use strict";

{
  const PAUSE_MS = 120;
  const NARROW = matchMedia("(max-width: 40rem)"); // as in the style
  const NARROW_TITLES = 3;
  const field = document.getElementById("q");
  const list = document.getElementById("suggestions");
  const told = document.getElementById("suggested");
  let asked = null;
  let pause = 0;
  let chosen = -1;

  const options = () => [...list.children];

  const close = () => {
    list.hidden = true;
    told.textContent = "";
    chosen = -1;
    field.removeAttribute("aria-activedescendant");
  };

  const dismiss = () => {
    clearTimeout(pause);
    asked?.abort(); // an answer on its way would open the list again
    close();
  };

  const choose = (number) => {
    const all = options();
    chosen = (number + all.length) % all.length;
    all.forEach((one, at) => one.setAttribute("aria-selected", String(at === chosen)));
    field.setAttribute("aria-activedescendant", all[chosen].id);
    all[chosen].scrollIntoView({ block: "nearest" });
  };

  // On a telephone long titles would push topics and colleagues out of sight.
  const fitting = (found) => {
    if (!NARROW.matches || found.every((one) => one.kind === "title")) return found;
    let titles = 0;
    return found.filter((one) => one.kind !== "title" || ++titles <= NARROW_TITLES);
  };

  const option = (found, number) => {
    const item = document.createElement("li");
    const kind = document.createElement("span");
    const said = document.createElement("span");
    item.id = `suggestion-${number}`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    item.dataset.address = found.address;
    kind.className = "kind";
    kind.textContent = found.past ? list.dataset.past : list.dataset[found.kind];
    said.className = "said";
    said.textContent = found.title;
    item.append(kind, " ", said);
    return item;
  };

  const show = (every) => {
    close();
    const found = fitting(every);
    list.replaceChildren(...found.map(option));
    if (!found.length || document.activeElement !== field) return;
    list.hidden = false;
    told.textContent = (found.length < 2 ? list.dataset.one : list.dataset.many).replace("{num}", found.length);
  };

  const ask = async () => {
    asked?.abort();
    asked = new AbortController();
    if (!field.value.trim()) return close();
    try {
      const address = `/api/v1/suggest?q=${encodeURIComponent(field.value)}`;
      const answer = await fetch(address, { signal: asked.signal });
      show(answer.ok ? (await answer.json()).suggestions : []);
    } catch {
      close(); // a later letter was typed, or the server is away: the field still works
    }
  };

  if (field && list) {
    field.setAttribute("aria-haspopup", "listbox");
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", list.id);
    field.addEventListener("input", () => {
      clearTimeout(pause);
      pause = setTimeout(ask, PAUSE_MS);
    });
    field.addEventListener("blur", dismiss);
    field.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Escape") {
        if (!list.hidden) event.preventDefault();
        return dismiss();
      }
      if (event.key === "Enter" && chosen < 0 && !event.shiftKey) field.form.requestSubmit();
      else if (list.hidden) return;
      else if (event.key === "ArrowDown") choose(chosen + 1);
      else if (event.key === "ArrowUp") choose(chosen < 0 ? -1 : chosen - 1);
      else if (event.key === "Enter" && chosen >= 0) location.assign(options()[chosen].dataset.address);
      else return;
      event.preventDefault();
    });
    list.addEventListener("mousedown", (event) => {
      event.preventDefault(); // keeps the field focused, and the list open until the click
      const item = event.target.closest("li");
      if (item && event.button === 0) location.assign(item.dataset.address);
    });
  }
}
