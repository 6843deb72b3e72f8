import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const FORBIDDEN: [file: string, imported: string][] = [
  ["crm-svc/src/contacts/routes.ts", "kysely"],
  ["crm-svc/src/contacts/rpc.ts", "./queries.ts"],
  ["user-svc/src/auth/routes.ts", "pg"],
  ["user-svc/src/auth/operations.ts", "hono"],
  ["crm-svc/src/contacts/operations.ts", "@connectrpc/connect"],
  ["crm-svc/src/contacts/operations.ts", "@crm/proto/crm/v1/contact_pb"],
  ["crm-svc/src/contacts/rules.ts", "./queries.ts"],
  ["crm-svc/src/contacts/rules.ts", "node:fs"],
  ["crm-svc/src/contacts/operations.ts", "../../../user-svc/src/services.ts"],
  ["user-svc/src/auth/queries.ts", "../../../crm-svc/src/app.ts"],
  ["platform/a/operation.ts", "../../user-svc/src/services.ts"],
];

const ALLOWED: [file: string, imported: string][] = [
  ["crm-svc/src/contacts/routes.ts", "./operations.ts"],
  ["crm-svc/src/contacts/operations.ts", "./queries.ts"],
  ["crm-svc/src/contacts/rules.ts", "./schema.ts"],
  ["platform/a/rpc.ts", "@crm/proto/google/rpc/error_details_pb"],
];

/** A tree with one file a case, each in a folder of its own, under the project's own rules. */
let tree: string;
let findings: string;

const fileOf = (file: string, imported: string): string =>
  join(dirname(dirname(file)), Bun.hash(imported).toString(36), file.split("/").at(-1) ?? "");

beforeAll(async () => {
  tree = await mkdtemp(join(tmpdir(), "fences-"));
  await cp(join(ROOT, "biome.jsonc"), join(tree, "biome.jsonc"));
  for (const [file, imported] of [...FORBIDDEN, ...ALLOWED]) {
    const path = join(tree, fileOf(file, imported));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `export { x } from "${imported}";\n`);
  }
  const biome = join(ROOT, "node_modules/.bin/biome");
  const child = Bun.spawn(
    [biome, "lint", "--vcs-enabled=false", "--only=style/noRestrictedImports", "--reporter=github"],
    { cwd: tree, stdout: "pipe", stderr: "pipe" },
  );
  findings = await new Response(child.stdout).text();
});

afterAll(() => rm(tree, { recursive: true }));

describe("the fences between layers", () => {
  test.each(FORBIDDEN)("%s may not import %s", (file, imported) => {
    expect(findings).toContain(fileOf(file, imported));
  });
  test.each(ALLOWED)("%s may import %s", (file, imported) => {
    expect(findings).not.toContain(fileOf(file, imported));
  });
});
