/** Of a service's own statements there are fewer; what is beyond is counted together. */
const MAX_NAMES = 300;
const OTHER = "other";

const WRITTEN = /\b(insert into|update|delete from|merge into)\s+(\w+\.\w+)/i;
/** Called for rows; a function in an expression, such as a column, says little. */
const CALLED = /\b(?:from|join|select)\s+(\w+\.\w+)\(/i;
const READ = /\b(?:from|join)\s+(\w+\.\w+)\b/i;
const LOCKED = /\bfor (?:no key update|update|key share|share)\b/i;

/**
 * What a statement does and to what, such as `insert crm.contacts`, `lock crm.leads` (a `select … for
 * update`), `call crm.search_contacts`. It is read from the text, so nobody can forget to say it or say it
 * wrong; and a text holds placeholders in the place of values, so the name has nothing of anybody's.
 */
export function statementName(text: string): string {
  const plain = text.replaceAll('"', "");
  const [, verb, target] = WRITTEN.exec(plain) ?? [];
  if (verb !== undefined) return `${verb.split(" ", 1)[0]?.toLowerCase()} ${target}`;
  const called = CALLED.exec(plain)?.[1];
  if (called !== undefined) return `call ${called}`;
  const read = READ.exec(plain)?.[1];
  if (read !== undefined) return `${LOCKED.test(plain) ? "lock" : "select"} ${read}`;
  return /^\s*(\w+)/.exec(plain)?.[1]?.toLowerCase() ?? OTHER;
}

/** Names statements, with a bound on how many names there are. */
export function statementNames(): (text: string) => string {
  const names = new Set<string>();
  return (text) => {
    const name = statementName(text);
    if (names.size >= MAX_NAMES && !names.has(name)) return OTHER;
    names.add(name);
    return name;
  };
}
