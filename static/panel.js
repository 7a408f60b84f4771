"use strict";

// What scripts have sent without a new page belongs in the panel, too.
document.addEventListener("htmx:afterRequest", (event) => {
  const path = event.detail.pathInfo?.requestPath ?? "";

  if (!path.startsWith("/panel/") && !path.includes("/latest")) {
    htmx.trigger("#panel-requests", "panel-news");
  }
});
