/* The whole way of a shopper, by a client that was generated from the document.
   It is checked by tsc, strictly, and takes what the client says at its word. */

import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Cart = components["schemas"]["Cart"];
type Problem = components["schemas"]["Problem"];
type Line = components["schemas"]["Line"];
type Answer = { data?: Cart; error?: Problem; response: Response };

function check(holds: boolean, what: unknown): asserts holds {
  if (!holds) throw new Error(JSON.stringify(what));
}

function cartOf({ data, error }: Answer): Cart {
  check(data !== undefined, error);
  return data;
}

function problemOf({ data, error }: Answer, code: Problem["code"]): Problem {
  check(error !== undefined && error.code === code, error ?? data);
  return error;
}

function lineIn(cart: Cart, item: string): Line {
  const line = cart.lines.find((each) => each.item === item);
  check(line !== undefined, cart);
  return line;
}

/* What a browser does with cookies by itself. */

let cookie = "";

async function send(request: Request): Promise<Response> {
  if (cookie) request.headers.set("Cookie", cookie);
  const response = await fetch(request);
  const [first] = response.headers.getSetCookie();
  if (first !== undefined) cookie = first.split(";")[0] ?? "";
  return response;
}

type Client = ReturnType<typeof createClient<paths>>;

async function choose(client: Client) {
  const missing = problemOf(
    await client.POST("/lines", { body: { item: "mug" } }),
    "missing-option",
  );
  check(missing.params["name"] === "size", missing);

  const path = { item: "mug" };
  const { data: item } = await client.GET("/about/items/{item}", { params: { path } });
  check(item !== undefined, item);

  const options = Object.fromEntries(
    Object.entries(item.choices).map(([name, [first]]) => [name, first ?? ""]),
  );
  const body = { item: item.item, quantity: 2, options };
  const header = { "Idempotency-Key": "mug" };
  await client.POST("/lines", { body, params: { header } });
  // The answer got lost, so it is sent once more.
  const cart = cartOf(await client.POST("/lines", { body, params: { header } }));
  const mug = lineIn(cart, "mug");
  check(mug.quantity === 2 && mug.options["size"] === "S", mug);
}

async function addTheOldOrder(client: Client) {
  const items = [
    { item: "pot" },
    { item: "rare", quantity: 9 },
    { item: "boat" },
  ];
  const cart = cartOf(await client.POST("/lines/many", { body: { items } }));
  check(cart.report?.gone[0]?.item === "boat", cart.report);
  check(cart.report.short[0]?.quantity === 6, cart.report);
  check(lineIn(cart, "rare").limits.maximum === 3, cart);
}

async function change(client: Client) {
  const shown = await client.GET("/");
  const mug = lineIn(cartOf(shown), "mug");
  const path = { line_id: mug.id };
  const set = (quantity: number, seen: number, tag?: string) =>
    client.PATCH("/lines/{line_id}", {
      params: { path, header: tag === undefined ? {} : { "If-Match": tag } },
      body: { quantity, seen },
    });
  cartOf(await set(5, mug.quantity));

  const conflict = problemOf(await set(3, mug.quantity), "conflict");
  check(conflict.cart !== undefined, conflict);
  check(lineIn(conflict.cart, "mug").quantity === 5, conflict);

  const stale = await set(3, mug.quantity, shown.response.headers.get("ETag") ?? "");
  const refused = problemOf(stale, "precondition-failed");
  check(refused.cart !== undefined, refused);
  const { quantity } = lineIn(refused.cart, "mug");
  const again = await set(3, quantity, stale.response.headers.get("ETag") ?? "");
  check(lineIn(cartOf(again), "mug").quantity === 3, again);
}

async function tidyUp(client: Client) {
  const cart = cartOf(await client.GET("/"));
  const pot = { path: { line_id: lineIn(cart, "pot").id } };
  const rare = { path: { line_id: lineIn(cart, "rare").id } };
  const fewer = cartOf(await client.DELETE("/lines/{line_id}", { params: pot }));
  check(fewer.lines.length === 2, fewer);
  const removed = cartOf(await client.GET("/")).removed.map((each) => each.id);
  const gone = { path: { line_id: removed[0] ?? "" } };
  const all = cartOf(
    await client.POST("/lines/{line_id}/restore", { params: gone }),
  );
  check(all.lines.length === 3, all);
  const moved = await client.POST("/lines/{line_id}/move", {
    params: rare,
    body: { to: "wishlist" },
  });
  check(cartOf(moved).lines.length === 2, moved);
}

async function settle(client: Client) {
  const unknown = await client.POST("/coupons", { body: { code: "NOTHING" } });
  const { code, title } = problemOf(unknown, "unknown-coupon");
  const params = { path: { code } };
  const page = await client.GET("/about/problems/{code}", { params });
  check(page.data?.title === title, page);

  let cart = cartOf(await client.POST("/coupons", { body: { code: "TEN" } }));
  check(cart.coupons[0]?.is_used === true, cart.coupons);

  const option = cart.shipping_options.find((each) => each.is_available);
  check(option !== undefined, cart.shipping_options);
  cart = cartOf(await client.PUT("/shipping", { body: { method: option.name } }));
  check(cart.shipping === option.name, cart);

  const metadata = { note: "Ring twice" };
  cart = cartOf(await client.PATCH("/metadata", { body: { metadata } }));
  check(cart.metadata["note"] === "Ring twice", cart);
}

async function checkOut(client: Client, shop: string) {
  const cart = cartOf(await client.GET("/"));
  check(cart.problems.length === 0, cart.problems);
  const answer = await send(
    new Request(`${shop}/checkout`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token: cart.order_token, total: cart.total }),
    }),
  );
  const order: unknown = await answer.json();
  check(JSON.stringify(order) === `{"pieces":4,"total":"${cart.total}"}`, order);
  const empty = cartOf(await client.GET("/"));
  check(empty.lines.length === 0, empty);
}

export async function walk(shop: string) {
  const client = createClient<paths>({ baseUrl: `${shop}/cart`, fetch: send });
  await choose(client);
  await addTheOldOrder(client);
  await change(client);
  await tidyUp(client);
  await settle(client);
  await checkOut(client, shop);
}
