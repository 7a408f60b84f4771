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
window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    window.location.reload();
  }
});

// After a mistake, start where the mistakes are listed.
document.querySelector(".error-summary")?.focus();
