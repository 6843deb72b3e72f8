import { describe, expect, test } from "bun:test";
import { Failure } from "@crm/platform/errors";
import fc from "fast-check";
import { type ReadOptions, readRecords } from "./read.ts";

async function* chunksOf(content: string | Uint8Array, size = 1 << 20): AsyncGenerator<Uint8Array> {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

/** Line and cells of each record. */
async function read(content: string | Uint8Array, options: ReadOptions & { size?: number } = {}) {
  const records = await Array.fromAsync(readRecords(chunksOf(content, options.size), options));
  return records.map(({ line, cells }) => [line, ...cells]);
}

async function refusal(content: string | Uint8Array, options: ReadOptions = {}) {
  const failure = await read(content, options).catch((error: unknown) => error);
  if (!(failure instanceof Failure)) throw new Error(`it was not refused: ${failure}`);
  return { code: failure.code, at: failure.fields[0]?.path };
}

describe("the form of a file is recognised", () => {
  test.each<[string, string, ...[number, ...string[]][]]>([
    ["commas", "a,b\n1;,2\n", [1, "a", "b"], [2, "1;", "2"]],
    ["semicolons", "a;b\n1,5;2,5\n", [1, "a", "b"], [2, "1,5", "2,5"]],
    ["tabs", "a\tb\n1,;\t2\n", [1, "a", "b"], [2, "1,;", "2"]],
    ["commas within quoted headers", '"a,,,";b\n1;2\n', [1, "a,,,", "b"], [2, "1", "2"]],
    [
      "as many of both in the headers",
      "a;b,c\n1;2\n3;4\n",
      [1, "a", "b,c"],
      [2, "1", "2"],
      [3, "3", "4"],
    ],
    ["what Excel names", "sep=;\na,b;c\n", [2, "a,b", "c"]],
    ["one column", "a\n1\n", [1, "a"], [2, "1"]],
    [
      "mixed line ends",
      "a,b\r\n1,2\n3,4\r5,6",
      [1, "a", "b"],
      [2, "1", "2"],
      [3, "3", "4"],
      [4, "5", "6"],
    ],
    [
      "line ends in cells",
      'a,b\n"1\r\n2","3\n4"\n5,6\n',
      [1, "a", "b"],
      [2, "1\r\n2", "3\n4"],
      [5, "5", "6"],
    ],
    ["blank lines", "\n\na,b\n\n , \n1,2\n\n", [3, "a", "b"], [6, "1", "2"]],
    ["quotes in cells", 'a,b\n"1""2",5" pipe\n', [1, "a", "b"], [2, '1"2', '5" pipe']],
    ["rows of any length", "a,b\n1\n1,2,3\n", [1, "a", "b"], [2, "1"], [3, "1", "2", "3"]],
  ])("%s", async (_, content, ...records) => {
    expect(await read(content)).toEqual(records);
  });

  const text = "näme;Ort\nZoë;Kraków\n";
  const latin = "näme;Ort\nZoë;München\n";
  const utf16 = Buffer.from(text, "utf16le");
  test.each([
    ["UTF-8", Buffer.from(text)],
    ["UTF-8 with a mark", Buffer.from(`\ufeff${text}`)],
    ["UTF-16LE", utf16],
    ["UTF-16BE", Buffer.from(utf16).swap16()],
    ["UTF-16LE with a mark", Buffer.from(`\ufeff${text}`, "utf16le")],
    ["UTF-16BE with a mark", Buffer.from(`\ufeff${text}`, "utf16le").swap16()],
  ])("%s", async (_, bytes) => {
    const records = [
      [1, "näme", "Ort"],
      [2, "Zoë", "Kraków"],
    ];
    expect(await read(bytes)).toEqual(records);
    expect(await read(bytes, { size: 1 })).toEqual(records);
  });

  test("Latin-1, and Windows-1252", async () => {
    const records = [
      [1, "näme", "Ort"],
      [2, "Zoë", "München"],
    ];
    expect(await read(Buffer.from(latin, "latin1"))).toEqual(records);
    expect(await read(Buffer.from("a,b\n\x80,\x93x\x94\n", "latin1"))).toEqual([
      [1, "a", "b"],
      [2, "€", "“x”"],
    ]);
  });

  test("an encoding that shows only far behind the beginning", async () => {
    const ascii = "a,b\n".repeat(100_000);
    const last = [400_001 / 4 + 0.75, "Zoë", "x"];
    const size = 65_536;
    expect((await read(Buffer.from(`${ascii}Zoë,x\n`), { size })).at(-1)).toEqual(last);
    expect((await read(Buffer.from(`${ascii}Zoë,x\n`, "latin1"), { size })).at(-1)).toEqual(last);
  });

  test.each(["latin1", "utf8"] as const)("an accent of %s that ends a chunk", async (form) => {
    const short = Buffer.from("name\nJosé", form);
    expect(await read(short)).toEqual([
      [1, "name"],
      [2, "José"],
    ]);
    expect(await read(short, { size: 1 })).toEqual(await read(short));
    const ascii = "a,b\n".repeat(50_000);
    const long = Buffer.from(`${ascii}José`, form);
    for (const size of [65_536, long.length - 1, long.length]) {
      expect((await read(long, { size })).at(-1)).toEqual([50_001, "José"]);
    }
    // The first byte of the accent is the last that the file is recognised by, or the last of a later chunk.
    const first = Buffer.byteLength(`${ascii}Jos`) + 1;
    const more = Buffer.from(`${ascii}José,x\nZoë,y\n`, form);
    for (const size of [first, first / 3]) {
      expect((await read(more, { size })).slice(-2)).toEqual([
        [50_001, "José", "x"],
        [50_002, "Zoë", "y"],
      ]);
    }
  });
});

describe("what is no readable file is refused", () => {
  const marked = (bytes: number[]) =>
    Buffer.concat([Buffer.from("é,b\nü,x\n"), Buffer.from(bytes)]);
  test.each<[string, string | Uint8Array, { code: string; at: string }]>([
    ["nothing", "", { code: "empty_file", at: "" }],
    ["an Excel file", "PK\u0003\u0004\u0014", { code: "not_csv", at: "" }],
    ["an old Excel file", Buffer.from("d0cf11e0a1b11ae1", "hex"), { code: "not_csv", at: "" }],
    ["an image", Buffer.from("89504e470d0a1a0a", "hex"), { code: "not_csv", at: "" }],
    ["random bytes", crypto.getRandomValues(new Uint8Array(5_000)), { code: "not_csv", at: "" }],
    ["NULs", Buffer.alloc(1_000), { code: "not_csv", at: "" }],
    ["bytes of another encoding", marked([0xff, 0x0a]), { code: "wrong_encoding", at: "line 3" }],
    ["half a character", marked([0xc3]), { code: "wrong_encoding", at: "line 3" }],
    ["10,000 columns", `${"a,".repeat(10_000)}\n`, { code: "too_many_columns", at: "line 1" }],
    [
      "a quote that stays open",
      'a,b\n"1\n",2\n"3,4\n5,6\n',
      { code: "unclosed_quote", at: "line 4" },
    ],
  ])("%s", async (_, content, expected) => {
    expect(await refusal(content)).toEqual(expected);
  });

  test("a row that is too long", async () => {
    const long = "x".repeat(2_000);
    const options = { maxRecordBytes: 1_000 };
    expect(await refusal(`a,b\n1,2\n3,${long}\n`, options)).toEqual({
      code: "record_too_long",
      at: "line 3",
    });
    expect(await refusal(`a,b\n1,2\n3,"\n${long}`, options)).toEqual({
      code: "unclosed_quote",
      at: "line 3",
    });
    expect(await refusal(`a,b\n1,2\n${",".repeat(2_000)}\n5,6\n`, options)).toEqual({
      code: "record_too_long",
      at: "line 3",
    });
    expect(await refusal(`a,b\n"1\r\n",2\n3,${long}\n`, options)).toEqual({
      code: "record_too_long",
      at: "line 4",
    });
  });
});

test("of the cells beyond 1,000 columns a row keeps what makes it a bad one", async () => {
  const blank = `a,b\n1${",".repeat(2_000)}\n2\n`;
  expect((await read(blank)).map((record) => record.length - 1)).toEqual([2, 1_000, 1]);
  const filled = `a,b\n1${",".repeat(1_500)}x,y,\n2\n`;
  const [, row, next] = await read(filled);
  expect([row?.length, row?.at(-1), next]).toEqual([1 + 1_001, "x", [3, "2"]]);
});

test.each([
  ["a quote that never closes", 'a,b\n1,"', "1,2\n", "unclosed_quote"],
  ["a line of headers that never ends", "E-mail", ",", "record_too_long"],
  ["a row that never ends", "E-mail,Name\na@x.example", ",", "record_too_long"],
])("%s is told after a megabyte, and the file is closed", async (_, begin, rest, code) => {
  let sent = 0;
  let closed = false;
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      yield Buffer.from(begin);
      for (;;) {
        sent += 65_536;
        // Should nothing stop it.
        if (sent > 8 << 20) return;
        yield Buffer.alloc(65_536, rest);
      }
    } finally {
      closed = true;
    }
  }
  const failure = await Array.fromAsync(readRecords(endless())).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code });
  expect({ early: sent < 4 << 20, closed }).toEqual({ early: true, closed: true });
});

test("a file is read as it comes, and closed when nobody reads on", async () => {
  let closed = false;
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield Buffer.alloc(65_536, "a,b\n");
    } finally {
      closed = true;
    }
  }
  let records = 0;
  for await (const _ of readRecords(endless())) if (++records === 100_000) break;
  expect(closed).toBe(true);
});

test("what breaks the file off goes through", async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("a,b\n1,2\n");
    throw new Error("hung up");
  }
  expect(await Array.fromAsync(readRecords(broken())).catch(String)).toBe("Error: hung up");
});

test("however it is cut into pieces, a file is read the same", async () => {
  const cell = fc.string({ unit: fc.constantFrom("a", "é", "中", ",", ";", '"', "\n", "\r", " ") });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 64 }),
      async (rows, size) => {
        const quoted = rows.map((row) =>
          row.map((value) => `"${value.replaceAll('"', '""')}"`).join(","),
        );
        const content = `"é","h"\n${quoted.join("\n")}\n`;
        const filled = rows.filter((row) => row.some((value) => value.trim() !== ""));
        const records = await read(content, { size });
        expect(records.slice(1).map(([, ...cells]) => cells)).toEqual(filled);
      },
    ),
  );
});
