import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Each service's tables, as TypeScript. */
const TABLES = [
  { tables: "identity.*", file: "user-svc/src/tables.gen.ts" },
  // Contacts belong to users, and what they mean depends on the tenant's country and time zone.
  { tables: "{crm.*,identity.tenants,identity.users}", file: "crm-svc/src/tables.gen.ts" },
];

/**
 * Writes the types of both services' tables from a migrated database, or, with `verify`, checks that
 * they are what would be written. Throws what kysely-codegen says if they are not.
 */
export async function generateTables(url: string, verify: boolean): Promise<void> {
  for (const { tables, file } of TABLES) {
    const child = Bun.spawn(
      [
        "bun",
        "x",
        "kysely-codegen",
        "--dialect=postgres",
        `--url=${url}`,
        "--default-schema=public",
        `--include-pattern=${tables}`,
        "--exclude-pattern=*.migrations*",
        `--out-file=${ROOT}${file}`,
        ...(verify ? ["--verify"] : []),
      ],
      { cwd: fileURLToPath(new URL(".", import.meta.url)), stdout: "pipe", stderr: "pipe" },
    );
    const [code, output, errors] = await Promise.all([
      child.exited,
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    if (code !== 0) {
      throw new Error(`${file} and the database differ: npm run generate\n${output}${errors}`);
    }
  }
}
