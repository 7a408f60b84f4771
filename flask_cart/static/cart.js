/* What makes the forms of the cart pleasant. All of them work without it, too. */
(() => {
  "use strict";

  const READING_TIME = 6000;
  const DOUBLE_CLICK = 400;
  const MORE_TAPS = 350;
  const byId = (id) => document.getElementById(id);

  document.documentElement.classList.add("cart-js");

  /* One-time keys: a form that stays on the page gets a new one for its next use. */

  function renewKeys(within) {
    for (const field of within.querySelectorAll("[name=cart_key]")) {
      const bytes = crypto.getRandomValues(new Uint8Array(12));
      const key = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"));
      field.value = key.join("");
    }
  }

  /* The page may be out of a cache, with keys that were used. */

  document.addEventListener("DOMContentLoaded", () => renewKeys(document));

  /* Busy: buttons are not disabled, which would take the focus from them. */

  function setBusy(form, busy) {
    form.setAttribute("aria-busy", busy);

    for (const button of form.querySelectorAll("button")) {
      button.setAttribute("aria-disabled", busy);
    }
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;

    if (!form.matches(".cart-form")) return;

    if (form.getAttribute("aria-busy") === "true") {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }

    if (form.matches(".cart-quantity")) wanted = null;

    form.dataset.sent = Date.now();
    setBusy(form, true);
  }, true);

  /* The second click of a double click, and a key that is held down, mean nothing
     more. What they would hit may be another button by then. */

  function isFormButton(element) {
    const button = element.closest(".cart-form button");

    return button !== null && button.closest(".cart-step") === null;
  }

  document.addEventListener("click", (event) => {
    if (event.detail > 1 && isFormButton(event.target)) event.preventDefault();
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.repeat && event.key === "Enter" && isFormButton(event.target)) {
      event.preventDefault();
    }
  }, true);

  /* Quantities: sent when they change; several taps are sent as one. */

  let wanted = null;
  let timer = 0;

  function want(field, delay) {
    wanted = {id: field.id, value: field.value};
    clearTimeout(timer);
    timer = setTimeout(sendWanted, delay);
  }

  function sendWanted() {
    const field = wanted && byId(wanted.id);

    if (!field) {
      wanted = null;
      return;
    }

    if (field.form.getAttribute("aria-busy") === "true") {
      timer = setTimeout(sendWanted, MORE_TAPS);
      return;
    }

    field.value = wanted.value;
    wanted = null;

    if (field.value !== field.defaultValue) field.form.requestSubmit();
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches(".cart-quantity input")) want(event.target, 0);
  });

  document.addEventListener("click", (event) => {
    const form = event.target.closest(".cart-step");

    if (form === null || !event.target.closest("button")) return;

    event.preventDefault();
    const field = form.parentElement.querySelector("input[type=number]");
    const by = Number(form.elements.namedItem("by").value);

    if (by > 0) field.stepUp();
    else field.stepDown();

    want(field, MORE_TAPS);
  });

  /* Messages: those that only tell something go away, unless somebody is there. */

  function expire(message) {
    setTimeout(() => {
      if (message.matches(":hover, :focus-within")) expire(message);
      else message.remove();
    }, READING_TIME);
  }

  function watchMessages() {
    for (const message of document.querySelectorAll(".cart-message:not([data-seen])")) {
      message.dataset.seen = "";
      if (!message.matches(".cart-message-error, :has(form)")) expire(message);
    }
  }

  let lastFocused = null;

  document.addEventListener("focusin", (event) => {
    if (!event.target.closest("#cart-messages")) lastFocused = event.target;
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".cart-dismiss");

    if (button === null) return;

    button.closest(".cart-message").remove();
    (lastFocused?.isConnected ? lastFocused : byId(lastFocused?.id))?.focus();
  });

  function sayThatItFailed() {
    byId("cart-messages")?.replaceChildren(byId("cart-failed").content.cloneNode(true));
  }

  document.addEventListener("htmx:responseError", sayThatItFailed);
  document.addEventListener("htmx:sendError", sayThatItFailed);

  /* Swaps: an answer that was overtaken by a newer one is not shown, nothing that is
     half typed in is lost, and the focus is never left on nothing. */

  let drafts = [];
  let focused = null;

  document.addEventListener("htmx:beforeSwap", (event) => {
    const sent = event.detail.requestConfig.elt;
    const fields = document.querySelectorAll("#cart :is(input, textarea)[id]");

    focused = document.activeElement?.id;
    drafts = Array.from(fields)
      .filter((field) => field.value !== field.defaultValue)
      .filter((field) => field.form !== sent || field.id === wanted?.id)
      .map((field) => [field.id, field.value]);
  });

  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const {target, fragment} = event.detail;
    const next = fragment.querySelector("[data-version]")?.dataset.version;
    const isOlder = Number(next) < Number(target.dataset.version);

    // Version 0 is a cart that there is not any more.
    if (next !== "0" && isOlder) event.detail.shouldSwap = false;
  });

  function findFocus(form) {
    if (document.activeElement !== document.body) return;

    const previous = focused ? byId(focused) : null;
    const line = previous?.closest(".cart-line");

    (line?.querySelector("input[type=number]")
      ?? byId(form.dataset.focus)
      ?? document.querySelector(".cart-undo button")
      ?? byId("cart-heading"))?.focus();
  }

  document.addEventListener("htmx:afterRequest", (event) => {
    // Not detail.elt, which is somewhere else if the form is gone.
    const form = event.detail.requestConfig.elt;

    for (const [id, value] of drafts.splice(0)) {
      const field = byId(id);
      if (field) field.value = value;
    }

    watchMessages();

    if (!form.matches(".cart-form")) return;

    findFocus(form);

    if (event.detail.successful) renewKeys(form);

    const rest = Number(form.dataset.sent) + DOUBLE_CLICK - Date.now();
    setTimeout(() => setBusy(form, false), Math.max(rest, 0));
  });

  /* Back: the page is as it was left, and the cart may be another by now. */

  addEventListener("pageshow", (event) => {
    watchMessages();
    const [visit] = performance.getEntriesByType("navigation");

    if (!event.persisted && visit?.type !== "back_forward") return;

    renewKeys(document);

    for (const form of document.querySelectorAll(".cart-form")) setBusy(form, false);

    window.htmx?.trigger(byId("cart") ?? byId("cart-mini"), "cart-refresh");
  });
})();
