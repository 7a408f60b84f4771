"use strict";

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  const form = event.target;

  // Flask-Cart has its own way.
  if (form.matches(".cart-form")) {
    return;
  }

  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }

  form.dataset.sent = "yes";
});

// A page that the browser kept for its Back button shows an old basket and sent forms.
async function renew() {
  const shown = document.querySelector(".split-checkout");
  const answer = shown && await fetch(location.href).catch(() => null);
  const page = answer && new DOMParser().parseFromString(await answer.text(), "text/html");
  const next = page?.querySelector(".split-checkout");

  if (!next) {
    location.reload();
    return;
  }

  // An address that is half typed stays.
  for (const field of shown.querySelectorAll("[id]:is(input, select)")) {
    const same = next.querySelector(`#${field.id}`);
    if (same) same.value = field.value;
  }

  shown.replaceWith(next);
}

addEventListener("pageshow", (event) => {
  if (event.persisted) renew();
});

// After a mistake, start where the mistakes are listed.
document.querySelector(".error-summary")?.focus();
