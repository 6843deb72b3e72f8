import { Hono } from "hono";
import pg from "pg";
import { SELECT_CONTACT } from "./select-contact.ts";

// The least that can answer from the database: no authentication, no row-level security (it signs in
// as the tables' owner), no log, no metrics, no error table.

const { DATABASE_URL, POOL_SIZE, PORT } = process.env;
const pool = new pg.Pool({
  ...(DATABASE_URL !== undefined && { connectionString: DATABASE_URL }),
  max: Number(POOL_SIZE),
});
const app = new Hono();

app.get("/ready", async (c) => {
  await pool.query("select 1");
  return c.text("ready");
});

app.get("/tenants/:tenant/contacts/:contact", async (c) => {
  const { tenant, contact } = c.req.param();
  const { rows } = await pool.query(SELECT_CONTACT, [tenant, contact]);
  return rows[0] === undefined ? c.notFound() : c.json(rows[0]);
});

Bun.serve({ hostname: "127.0.0.1", port: Number(PORT), fetch: app.fetch });
