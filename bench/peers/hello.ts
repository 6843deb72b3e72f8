// Answers without doing anything: what the load generator reaches here is its own limit, and Bun's.
Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.env["PORT"]),
  fetch: () => new Response("hello"),
});
