import { join } from "node:path";
import { FAILURES, type FailureKind } from "@crm/platform/errors";
import type { ErrorCode } from "@crm/platform/openapi/problems";

const REPOSITORY = join(import.meta.dir, "..");
const SERVICES = ["user-svc", "crm-svc"];

/** `new Failure("kind", "code", "message"`, where the message is said right there. */
const FAILURE =
  /new Failure\(\s*"(?<kind>\w+)",\s*"(?<code>\w+)"(?:,\s*(?:"(?<plain>(?:[^"\\]|\\.)*)"|'(?<single>[^']*)'))?/g;
/** A function that makes failures of one kind, of the code that it is given first. */
const SHORTHAND =
  /function (?<name>\w+)\(\s*code: [^{]*\{[\s\S]{0,200}?new Failure\("(?<kind>\w+)", code\b/g;

/**
 * Writes the codes of failures that the sources of each service, and of the platform, name to
 * error-codes.gen.ts; with `verify` it writes nothing, and throws if that file says anything else.
 */
export async function generateErrorCodes(verify: boolean): Promise<void> {
  for (const service of SERVICES) {
    // Together, since the services use shorthands of the platform.
    const codes = await codesIn(["platform", `${service}/src`]);
    const unique = new Map<string, ErrorCode>();
    for (const code of codes) {
      const { message: _several, ...unsaid } = code;
      const name = `${code.code} ${code.kind}`;
      // What several places say is said by none for all.
      unique.set(name, unique.has(name) ? unsaid : code);
    }
    const sorted = [...unique.entries()].toSorted(([one], [other]) => (one < other ? -1 : 1));
    const rows = sorted.map(([, code]) => `  ${JSON.stringify(code)},`);
    const text = `import type { ErrorCode } from "@crm/platform/openapi/problems";

/** The codes of failures that the sources name. Written by npm run generate. */
export const ERROR_CODES: readonly ErrorCode[] = [
${rows.join("\n")}
];
`;
    const file = join(REPOSITORY, service, "src/error-codes.gen.ts");
    if (!verify) await Bun.write(file, text);
    else if ((await Bun.file(file).text()) !== text) {
      throw new Error(`${file} is not what the sources say. Run: npm run generate`);
    }
  }
}

async function codesIn(folders: readonly string[]): Promise<ErrorCode[]> {
  const scans = folders.map((folder) =>
    Array.fromAsync(new Bun.Glob(`${folder}/**/*.ts`).scan(REPOSITORY)),
  );
  const files = (await Promise.all(scans)).flat();
  const sources = files.filter(
    (file) => !/\.(test|fixtures|child|gen)\.ts$|node_modules/.test(file),
  );
  const texts = await Promise.all(
    sources.toSorted().map((file) => Bun.file(join(REPOSITORY, file)).text()),
  );
  const all = texts.join("\n");
  const shorthands = [...all.matchAll(SHORTHAND)].flatMap(
    ({ groups: { name = "", kind = "" } = {} }) =>
      [...all.matchAll(callsOf(name))].map(({ groups }) => codeOf({ ...groups, kind })),
  );
  return [...[...all.matchAll(FAILURE)].map(({ groups = {} }) => codeOf(groups)), ...shorthands];
}

function callsOf(name: string): RegExp {
  const message = `(?:"(?<plain>(?:[^"\\\\]|\\\\.)*)"|'(?<single>[^']*)')`;
  return new RegExp(`\\b${name}\\(\\s*"(?<code>\\w+)"(?:,\\s*${message})?`, "g");
}

function codeOf(groups: Readonly<Record<string, string | undefined>>): ErrorCode {
  const { kind = "", code = "", plain, single } = groups;
  if (!isKind(kind)) throw new Error(`${code} is of the unknown kind ${kind}`);
  const message = plain?.replaceAll('\\"', '"') ?? single;
  return { code, kind, ...(message && { message }) };
}

function isKind(name: string): name is FailureKind {
  return Object.hasOwn(FAILURES, name);
}
