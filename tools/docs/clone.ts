import { mkdir, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";

const REPOSITORY = join(import.meta.dir, "../..");
/** Whose packages the pages' programs may install. */
const INSTALLED = ["node_modules", "tools/node_modules"].map((name) => join(REPOSITORY, name));

/** Makes, in a folder, what looks like the clone and may be written into. Returns where it is. */
export async function makeClone(folder: string): Promise<string> {
  const clone = join(folder, "crm-core-services");
  await mkdir(clone);
  for (const name of await readdir(REPOSITORY)) {
    if (name !== ".data" && name !== ".git") {
      await symlink(join(REPOSITORY, name), join(clone, name));
    }
  }
  return clone;
}

/** The packages of an `npm install`, or an `apt-get install`; undefined for another command. */
export function installedBy(command: string): { npm?: string[]; apt?: string[] } | undefined {
  const [, program, names] = /^(?:sudo )?(npm|apt-get) install (.*)$/.exec(command) ?? [];
  if (names === undefined) return undefined;
  const packages = names.split(" ").filter((name) => !name.startsWith("-"));
  return program === "npm" ? { npm: packages } : { apt: packages };
}

/**
 * Does in a folder what `npm install name@version …` would, with the packages that are here, so that
 * nothing is downloaded. Throws if one is here in another version: then the page names an old one.
 */
export async function linkPackages(folder: string, packages: readonly string[]): Promise<void> {
  const bin = join(folder, "node_modules/.bin");
  await mkdir(bin, { recursive: true });
  for (const wanted of packages) {
    const [, name = "", version] = /^(@?[^@]+)@(.+)$/.exec(wanted) ?? [];
    if (name === "bun") {
      if (version !== Bun.version) throw new Error(`${wanted}: here is ${Bun.version}`);
      await symlink(process.execPath, join(bin, "bun"));
      continue;
    }
    const { path, here, programs } = await findPackage(name);
    if (version !== here) throw new Error(`${wanted}: here is ${here}`);
    const link = join(folder, "node_modules", name);
    await mkdir(join(link, ".."), { recursive: true });
    await symlink(path, link);
    for (const [program, file] of programs) await symlink(join(link, file), join(bin, program));
  }
}

async function findPackage(name: string) {
  for (const folder of INSTALLED) {
    const path = join(folder, name);
    const file = Bun.file(join(path, "package.json"));
    if (!(await file.exists())) continue;
    const { version, bin } = Object(await file.json());
    const programs = Object.entries<string>(
      typeof bin === "string" ? { [name.replace(/.*\//, "")]: bin } : (bin ?? {}),
    );
    return { path, here: String(version), programs };
  }
  throw new Error(`${name} is not among the packages of this folder`);
}
