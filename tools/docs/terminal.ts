import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runAtOurEnd } from "../local/process.ts";

/** A terminal that somebody pastes into. */
export interface Terminal {
  /** Resolves with what it shows, when all of it has run. Throws that if a command fails. */
  paste(code: string): Promise<string>;
  /** Saves a file in the folder where the terminal is. */
  save(name: string, content: string): Promise<void>;
  /** Ends it, with all that goes on in the background. */
  close(): Promise<void>;
}

/** Opens a terminal of Bash in a folder. */
export function openTerminal(
  folder: string,
  environment: Readonly<Record<string, string>>,
): Terminal {
  const child = Bun.spawn(["bash", "--noprofile", "--norc"], {
    cwd: folder,
    env: environment,
    stdio: ["pipe", "pipe", "inherit"],
    // With a process group of its own, by which all that it has started can be ended.
    detached: true,
  });
  const takeBack = runAtOurEnd(`kill -TERM -- -${child.pid}`);
  // A command that fails ends it, and so is not missed.
  child.stdin.write("set -eo pipefail; exec 2>&1\n");
  const output = child.stdout.getReader();
  const decoder = new TextDecoder();
  let pastes = 0;

  async function run(code: string): Promise<string> {
    // From a file, since what it starts would read the rest of it else; outside the folder.
    const file = join(folder, `../.paste-${++pastes}`);
    const end = `<<end of ${crypto.randomUUID()}>>`;
    await writeFile(file, code);
    child.stdin.write(`. '${file}' </dev/null\nprintf '\\n%s\\n' '${end}'\n`);
    child.stdin.flush();
    let shown = "";
    while (!shown.includes(`\n${end}\n`)) {
      const { done, value } = await output.read();
      if (done) throw new Error(`it failed:\n${code}\n\nwith:\n${shown}`);
      shown += decoder.decode(value, { stream: true });
    }
    return shown.slice(0, shown.indexOf(`\n${end}\n`));
  }

  return {
    paste: run,
    async save(name, content) {
      const where = (await run("pwd")).trim();
      await writeFile(join(where, name), `${content}\n`);
    },
    async close() {
      takeBack();
      // There is no such group any more if all of it has ended by itself.
      Bun.spawnSync(["kill", "-TERM", "--", `-${child.pid}`], { stderr: "ignore" });
      await child.exited;
    },
  };
}
