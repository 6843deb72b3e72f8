import type { Subprocess } from "bun";

// Reads lines of a number and a command. After the last line, when the pipe ends, it runs the commands,
// the highest number first. A later line with the same number takes the place of the earlier.
const WATCH = `
last=0
while read -r number command; do
  eval "command_$number=\\$command"
  [ "$number" -le "$last" ] || last=$number
done
while [ "$last" -gt 0 ]; do
  eval "eval \\"\\$command_$last\\""
  last=$((last - 1))
done`;

let watcher: Subprocess<"pipe", "ignore", "ignore"> | undefined;
let commands = 0;

/**
 * Has a shell command run when this process ends, even by SIGKILL, the latest command first. Returns
 * a function that takes it back. A detached shell waits for the end of a pipe that only this process
 * holds open; if the shell is killed too, nothing runs, and the next start has to cope.
 */
export function runAtOurEnd(command: string): () => void {
  watcher ??= Bun.spawn(["/bin/sh", "-c", WATCH], {
    stdio: ["pipe", "ignore", "ignore"],
    cwd: "/",
    detached: true,
  });
  watcher.unref();
  const { stdin } = watcher;
  const number = ++commands;
  const tell = (line: string): void => {
    stdin.write(`${number} ${line}\n`);
    stdin.flush();
  };
  tell(command);
  return () => tell(":");
}

/** Makes a child process end, by `signal`, when this process does, however that happens. */
export function endWithUs(child: Subprocess, signal: "SIGINT" | "SIGTERM"): void {
  const { pid } = child;
  const takeBack = runAtOurEnd(
    `kill -${signal.slice("SIG".length)} ${pid}; ` +
      // What it stands on is ended next, so it is given ten seconds.
      `n=0; while kill -0 ${pid} && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done`,
  );
  // Its number may soon be another process'.
  void child.exited.then(takeBack);
}

/** Ends a child process by `signal`, after `graceMs` by SIGKILL, and resolves when it has ended. */
export async function stopProcess(
  child: Subprocess,
  signal: "SIGINT" | "SIGTERM",
  graceMs: number,
): Promise<void> {
  child.kill(signal);
  const overdue = setTimeout(() => child.kill("SIGKILL"), graceMs);
  await child.exited;
  clearTimeout(overdue);
}

/** Resolves, when a child process has ended, with how: `exit code 1`, `SIGKILL`. */
export async function howItEnds(child: Subprocess): Promise<string> {
  await child.exited;
  return child.signalCode === null ? `exit code ${child.exitCode}` : String(child.signalCode);
}
