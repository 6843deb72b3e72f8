import { join } from "node:path";

const REPOSITORY = join(import.meta.dir, "../..");
const SERVICES = ["user-svc", "crm-svc"] as const;

/** An event that the sources name: who reports it, and how loud (a level, or a severity). */
export interface FoundEvent {
  readonly name: string;
  readonly who: string;
  readonly level: string;
}

export interface FoundEvents {
  readonly log: readonly FoundEvent[];
  /** Of the platform and crm-svc. */
  readonly security: readonly FoundEvent[];
  /** Every word that stands in quotes in a service's sources, but for the lists of its events. */
  readonly literals: Readonly<Record<(typeof SERVICES)[number], ReadonlySet<string>>>;
}

/** `log.warn({ event: "name"`, or `log[level]({ event: "name"`, whose level is decided there. */
const LOGGED =
  /\blog(?:\.(?<level>debug|info|warn|error)|\[(?<choice>[^\]]*\]?[^\]]*)\])\(\s*\{\s*event: "(?<name>\w+)"/g;
const SECURITY = /event: (?:"(?<name>\w+)"|`(?<stem>\w+)\$\{\w+\}`),\s*severity: "(?<level>\w+)"/g;
const ANY_EVENT = /\bevent: "(\w+)"/g;
/** What a template's stem may end in. */
const ENDINGS = ["started", "ended"];

/** Reads which events the sources of the platform and of both services report. */
export async function findEvents(): Promise<FoundEvents> {
  const sources = await Promise.all([
    sourcesOf("platform", "both"),
    ...SERVICES.map((service) => sourcesOf(`${service}/src`, service)),
  ]);
  const all = sources.flat();
  const log = all.flatMap(({ who, text }) =>
    [...text.matchAll(LOGGED)].map(({ groups = {} }) => {
      const { level, choice = "", name = "" } = groups;
      const levels = [...choice.matchAll(/"(debug|info|warn|error)"/g)].map(([, each]) => each);
      return { name, who, level: level ?? (levels.length > 0 ? levels.join(", ") : "warn, error") };
    }),
  );
  const security = all.flatMap(({ who, text }) =>
    [...text.matchAll(SECURITY)].flatMap(({ groups = {} }) => {
      const { name, stem = "", level = "" } = groups;
      const names = name === undefined ? ENDINGS.map((ending) => stem + ending) : [name];
      return names.map((each) => ({ name: each, who, level }));
    }),
  );
  const known = new Set([...log, ...security].map(({ name }) => name));
  const others = all.flatMap(({ text }) => [...text.matchAll(ANY_EVENT)].map(([, name]) => name));
  const unread = others.filter((name) => name !== undefined && !known.has(name));
  if (unread.length > 0) throw new Error(`how ${unread.join(", ")} is logged cannot be read`);
  return {
    log,
    security,
    literals: {
      "user-svc": literalsOf(all.filter(({ who }) => who === "user-svc")),
      "crm-svc": literalsOf(all.filter(({ who }) => who === "crm-svc")),
    },
  };
}

interface Source {
  readonly who: string;
  readonly file: string;
  readonly text: string;
}

async function sourcesOf(folder: string, who: string): Promise<Source[]> {
  const files = await Array.fromAsync(new Bun.Glob(`${folder}/**/*.ts`).scan(REPOSITORY));
  return Promise.all(
    files
      .filter((file) => !/\.(test|fixtures|child|gen)\.ts$|node_modules/.test(file))
      .toSorted()
      .map(async (file) => ({ who, file, text: await Bun.file(join(REPOSITORY, file)).text() })),
  );
}

function literalsOf(sources: readonly Source[]): ReadonlySet<string> {
  const written = sources.filter(({ file }) => !/(business-events|event-names)\.ts$/.test(file));
  return new Set(
    written.flatMap(({ text }) => [...text.matchAll(/"(\w+)"/g)].flatMap(([, word]) => word ?? [])),
  );
}
