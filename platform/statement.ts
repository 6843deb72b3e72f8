import { type Compilable, type CompiledQuery, type Kysely, type RawBuilder, sql } from "kysely";

/** Stands for a value while a statement is built. */
class Placeholder {
  readonly name: PropertyKey;

  constructor(name: PropertyKey) {
    this.name = name;
  }
}

/** Gives the placeholder of a value, by its name; for wherever Kysely takes an expression. */
export type PlaceholderOf<Values> = <Name extends keyof Values>(
  name: Name,
) => RawBuilder<Values[Name]>;

/**
 * A statement that Kysely builds and compiles once, at its first use, instead of at each one: with a
 * join or two that takes as long as PostgreSQL needs to answer. Only values can differ, so what
 * changes the text (an optional condition) makes another statement.
 *
 * ```ts
 * const findName = statement((db: Kysely<DB>, value: PlaceholderOf<{ id: string }>) =>
 *   db.selectFrom("users").select("name").where("id", "=", value("id")),
 * );
 * const rows = await findName(db, { id });
 * ```
 */
export function statement<Tables, Values extends object, Row>(
  build: (db: Kysely<Tables>, value: PlaceholderOf<Values>) => Compilable<Row>,
): (db: Kysely<Tables>, values: Values) => Promise<readonly Row[]> {
  let compiled: CompiledQuery<Row> | undefined;
  return async (db, values) => {
    compiled ??= build(db, (name) => sql`${new Placeholder(name)}`).compile();
    const parameters = compiled.parameters.map((parameter) =>
      parameter instanceof Placeholder ? Reflect.get(values, parameter.name) : parameter,
    );
    const { rows } = await db.executeQuery<Row>({ ...compiled, parameters });
    return rows;
  };
}
