// Modals, confirmations and pop-up menus.
import { renderBlocks } from "./blocks.js";
import { h } from "./dom.js";
import { plainText, textObject } from "./mrkdwn.js";
import { page, store } from "./page.js";

/** Show the top modal, or remove it. The focus survives an update of the view. */
export function renderModal(root) {
  const view = store.views.at(-1);
  const shown = root.querySelector(".modal");
  if (!view) {
    shown?.closest(".overlay").remove();
    return;
  }
  const id = JSON.stringify([view.id, view.hash, store.views.length, store.errors, store.failure.get(view.id)]);
  if (shown?.drawn === id) return;
  const focused = document.activeElement?.dataset?.key;
  const selection = focused && document.activeElement.selectionStart;
  const scrolled = shown?.viewId === view.id ? shown.querySelector(".modal-body").scrollTop : 0;
  store.fields.delete(view.id);
  const node = modalNode(view);
  Object.assign(node, { drawn: id, viewId: view.id });
  shown?.closest(".overlay").remove();
  root.append(h("div", { class: "overlay" }, node));
  node.querySelector(".modal-body").scrollTop = scrolled;
  const again = focused ? node.querySelector(`[data-key="${CSS.escape(focused)}"]`) : node.querySelector(".wrong .field, .field");
  again?.focus({ preventScroll: true });
  if (focused && again?.setSelectionRange && again.type !== "date" && again.type !== "time") again.setSelectionRange(selection, selection);
}

function modalNode(view) {
  const failure = store.errors[""] ?? (store.failure.has(view.id) ? `⚠ This action failed (${store.failure.get(view.id)}). Try again.` : null);
  const submit = async (event) => {
    event.preventDefault();
    node.querySelector(".submit")?.classList.add("busy");
    await page.submit(view);
    node.querySelector(".submit")?.classList.remove("busy");
  };
  const node = h(
    "form",
    { class: "modal", role: "dialog", "aria-modal": "true", "aria-label": view.title.text, "data-view-id": view.id, novalidate: true, onsubmit: submit },
    h(
      "header",
      {},
      store.views.length > 1 && h("button", { type: "button", class: "icon back", "aria-label": "Back", onclick: () => page.close(view, false) }, "‹"),
      h("h1", {}, ...plainText(view.title.text)),
      h("button", { type: "button", class: "icon close", "aria-label": "Close", onclick: () => page.close(view, true) }, "×"),
    ),
    h("div", { class: "modal-body" }, ...renderBlocks(view.blocks, { view_id: view.id }, page)),
    failure && h("div", { class: "failure", role: "alert" }, failure),
    h(
      "footer",
      {},
      h("button", { type: "button", class: "button", onclick: () => page.close(view, false) }, view.close?.text ?? (view.submit ? "Cancel" : "Close")),
      view.submit && h("button", { type: "submit", class: "button primary submit" }, ...plainText(view.submit.text)),
    ),
  );
  return node;
}

/** Ask to confirm a press; resolves to true if it is confirmed. */
export function confirmDialog(confirm, style) {
  return new Promise((resolve) => {
    const end = (answer) => {
      overlay.remove();
      resolve(answer);
    };
    const yes = h("button", { type: "button", class: `button ${confirm.style ?? style ?? "primary"} yes`, onclick: () => end(true) }, ...plainText(confirm.confirm.text));
    const overlay = h(
      "div",
      { class: "overlay top", onkeydown: (event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        end(false);
      } },
      h(
        "div",
        { class: "modal confirm", role: "alertdialog", "aria-modal": "true", "aria-label": confirm.title.text },
        h("header", {}, h("h1", {}, ...plainText(confirm.title.text))),
        h("div", { class: "modal-body text" }, ...textObject(confirm.text)),
        h("footer", {}, h("button", { type: "button", class: "button no", onclick: () => end(false) }, ...plainText(confirm.deny.text)), yes),
      ),
    );
    document.getElementById("overlays").append(overlay);
    yes.focus();
  });
}

/** A menu beside a button; it closes after a choice or a click elsewhere. */
export function popUpMenu(button, choices) {
  document.querySelector(".popup")?.remove();
  const close = () => {
    popup.remove();
    document.removeEventListener("click", close);
  };
  const popup = h("ul", { class: "popup", role: "menu", onkeydown: (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close();
    button.focus();
  } }, choices.map((choice) =>
    h("li", { role: "none" }, h("button", { type: "button", role: "menuitem", "data-value": choice.value, onclick: () => {
      close();
      choice.choose();
    } }, ...choice.nodes))));
  document.getElementById("overlays").append(popup);
  const box = button.getBoundingClientRect();
  const size = popup.getBoundingClientRect();
  popup.style.left = `${Math.max(8, Math.min(box.left, innerWidth - size.width - 8))}px`;
  popup.style.top = `${box.bottom + size.height + 8 > innerHeight ? Math.max(8, box.top - size.height - 4) : box.bottom + 4}px`;
  popup.querySelector("button")?.focus({ preventScroll: true });
  setTimeout(() => document.addEventListener("click", close));
}
