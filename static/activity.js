"use strict";

// The page asks for news only while somebody looks at it. A shop that can't be reached
// for a moment is asked again, without a word.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.id === "poll" && document.hidden) {
    event.preventDefault();
  }
});

for (const failure of ["htmx:responseError", "htmx:sendError"]) {
  document.querySelector("main").addEventListener(failure, (event) => {
    if (event.target.id === "poll") {
      event.stopPropagation();
    }
  });
}
