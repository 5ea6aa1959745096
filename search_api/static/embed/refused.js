// Served instead of quisait.js to a page of an origin that the settings do not name. It asks nothing.
const CURE = `Webmestre : cette page ne peut pas chercher dans Qui sait\u202f?, car son origine, ${self.origin}, n’est pas dans le réglage « origins » de [embed] ; demandez à qui administre Qui sait\u202f? de l’y ajouter.`;

/** Keeps the form that the page holds, and tells the page's webmaster what is missing. */
class RefusedQuiSait extends HTMLElement {
  connectedCallback() {
    if (this.shadowRoot) return;
    const cure = document.createElement("p");
    cure.lang = "fr";
    cure.setAttribute("role", "note");
    cure.textContent = CURE;
    this.attachShadow({ mode: "open" }).append(document.createElement("slot"), cure);
  }
}

if (!customElements.get("qui-sait")) {
  customElements.define("qui-sait", RefusedQuiSait);
  console.error(CURE);
}
