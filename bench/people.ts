import { countries, type Entry } from "../tools/demo/people.ts";

/** A contact as a row of crm.contacts, but for its ids and owner. */
export interface Person {
  readonly first_name: string | null;
  readonly last_name: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly phone_e164: string | null;
  readonly company: string | null;
  readonly title: string | null;
  readonly address_city: string | null;
  readonly tags: readonly string[];
  readonly lifecycle_stage: string;
}

type Random = () => number;

/** Numbers from 0 to below 1, the same ones for the same seed (mulberry32, by Tommy Ettinger). */
export function randomFrom(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function pick<Item>(items: readonly Item[], random: Random): Item {
  const item = items[Math.floor(items.length * random())];
  if (item === undefined) throw new Error("nothing to pick from");
  return item;
}

/** By Zipf's law, as names are spread: the first is twice as frequent as the second. */
function zipf<Item>(items: readonly Item[], random: Random): Item {
  const item = items[Math.floor((items.length + 1) ** random()) - 1];
  if (item === undefined) throw new Error("nothing to pick from");
  return item;
}

const ONSETS = "b br c ch d dr f fl g gr h j k kl l m n p pr r s sch st str t th v w z".split(" ");
const VOWELS = "a e i o u ai au ea ei ie oo ou ö ü á é ø".split(" ");
const CODAS = "b ck d l ll m n nd ng nn r rd rn s sk ss t tt x ß ń".split(" ");
const ENDINGS =
  "son ski sen mann berg ez ova ini ley ton ford wood er ell ic ów feld stein ard oglu ide".split(
    " ",
  );
const TRADES =
  "Logistics Analytics Textiles Foods Engineering Partners Holdings Energy Media Systems Health Transport Consulting Software Optics Chemie Bau Verlag Transports Conseil Servicios Comercial".split(
    " ",
  );
const FORMS = "Ltd Inc. GmbH AG S.A. SARL plc LLC KG B.V. Oy AB S.p.A. sp. z o.o.".split(
  / (?!z|o)/,
);
const TITLES =
  "Sales Manager,Office Manager,Head of Purchasing,Managing Director,Buyer,Software Engineer,CFO,CTO,Marketing Lead,Plant Manager,Founder,Account Executive,Product Owner,Data Analyst,Receptionist,Consultant,Geschäftsführerin,Directeur commercial,Jefa de ventas,Controller".split(
    ",",
  );
const TAGS =
  "newsletter,vip,trade-fair-2025,reseller,renewal-due,no-calls,webinar,partner,press,alumni,supplier,priority".split(
    ",",
  );
const STAGES = "lead,subscriber,qualified,customer,opportunity,former,other".split(",");

/** Names of people in scripts that the demo's countries lack. */
const FURTHER: readonly { firsts: readonly string[]; lasts: readonly string[]; firms: string[] }[] =
  [
    {
      firsts: "伟 芳 娜 秀英 敏 静 丽 强 磊 军 洋 小龙 建国 志强 晓明 美玲".split(" "),
      lasts: "王 李 张 刘 陈 杨 黄 赵 吴 周 徐 孙 马 朱 胡 欧阳".split(" "),
      firms: "华夏科技有限公司 东方贸易集团 长江物流股份有限公司 光明食品".split(" "),
    },
    {
      firsts: "محمد أحمد فاطمة عائشة خالد ليلى يوسف مريم عمر نور".split(" "),
      lasts: "العربي الحسن إبراهيم منصور حداد الخطيب سليمان المصري".split(" "),
      firms: ["شركة النيل للتجارة", "مجموعة الخليج"],
    },
    {
      firsts: "राहुल प्रिया अमित सुनीता विजय अंजलि संजय कविता".split(" "),
      lasts: "शर्मा कुमार सिंह वर्मा गुप्ता पटेल मिश्रा".split(" "),
      firms: ["हिमालय उद्योग", "गंगा वस्त्र भंडार"],
    },
    {
      firsts: "Иван Пётр Анна Мария Сергей Ольга Дмитрий Наталья Алексей Елена".split(" "),
      lasts:
        "Иванов Смирнов Кузнецов Попов Васильев Соколов Михайлов Новиков Фёдоров Морозов".split(
          " ",
        ),
      firms: ["Северный Ветер", "Волга Транспорт", "Уралмашзавод"],
    },
    {
      firsts: "민준 서연 지훈 수빈 영희 철수".split(" "),
      lasts: "김 이 박 최 정 강".split(" "),
      firms: ["한강전자 주식회사", "서울무역"],
    },
  ];

/** An invented name of two or three syllables; some thousand of them are hardly ever alike. */
function inventName(random: Random): string {
  const syllables = random() < 0.6 ? 1 : 2;
  let name = "";
  for (let at = 0; at < syllables; at++) {
    name += pick(ONSETS, random) + pick(VOWELS, random);
    if (random() < 0.5) name += pick(CODAS, random);
  }
  name += random() < 0.7 ? pick(ENDINGS, random) : pick(VOWELS, random) + pick(CODAS, random);
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function distinct(count: number, make: () => string): string[] {
  const names = new Set<string>();
  while (names.size < count) names.add(make());
  return [...names];
}

function ascii({ name, note }: Entry): string {
  const plain = (note ?? name)
    .normalize("NFD")
    .replaceAll(/[\u0300-\u036f'.]/g, "")
    .replaceAll("ß", "ss")
    .replaceAll("ø", "o")
    .replaceAll("ł", "l")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
  return plain === "" ? "info" : plain;
}

interface Firm {
  readonly name: string;
  readonly domain: string;
}

/**
 * Invented people without end, the same ones for the same seed, such as a big company knows: the
 * commonest surname is borne by one in thirty, most by a handful; in nine scripts; from some tens of
 * thousands of companies, large and small; with gaps.
 */
export function* people(seed: number): Generator<Person, never> {
  const random = randomFrom(seed);
  const chance = (probability: number): boolean => random() < probability;
  const surnames = distinct(30_000, () => inventName(random));
  const rareFirsts = distinct(3_000, () => inventName(random));
  const places = distinct(3_000, () => inventName(random));
  const firms: Firm[] = distinct(60_000, () => {
    const founder = zipf(surnames, random);
    const second = chance(0.2) ? ` & ${zipf(surnames, random)}` : "";
    return `${founder}${second} ${pick(TRADES, random)} ${pick(FORMS, random)}`;
  }).map((name) => ({ name, domain: `${ascii({ name })}.example` }));

  for (let number = 0; ; number++) {
    const foreign = chance(0.1) ? pick(FURTHER, random) : null;
    const country = pick(countries, random);
    const first: Entry = foreign
      ? { name: zipf(foreign.firsts, random) }
      : chance(0.8)
        ? zipf(country.firstNames, random)
        : { name: zipf(rareFirsts, random) };
    const last: Entry = foreign
      ? { name: zipf(foreign.lasts, random) }
      : chance(0.35)
        ? zipf(country.lastNames, random)
        : { name: zipf(surnames, random) };
    const firm: Firm = foreign
      ? { name: pick(foreign.firms, random), domain: "mail.example" }
      : chance(0.1)
        ? { name: zipf(country.companies, random).name, domain: "mail.example" }
        : zipf(firms, random);
    const isPerson = chance(0.97);
    const digits = chance(0.3) ? String(Math.floor(random() * 100)) : "";
    const local = isPerson ? `${ascii(first)}.${ascii(last)}${digits}` : `info${number}`;
    const subscriber = String(Math.floor(random() * 1e8)).padStart(8, "0");
    const hasPhone = chance(0.7);
    yield {
      first_name: isPerson ? first.name : null,
      last_name: isPerson ? last.name : null,
      email: chance(0.9) ? `${local}@${chance(0.3) ? "mail.example" : firm.domain}` : null,
      // A country code that nobody has.
      phone: hasPhone ? `+999 ${subscriber.slice(0, 2)} ${subscriber.slice(2)}` : null,
      phone_e164: hasPhone ? `+999${subscriber}` : null,
      company: chance(0.85) || !isPerson ? firm.name : null,
      title: chance(0.6) ? pick(TITLES, random) : null,
      address_city: chance(0.7)
        ? chance(0.5)
          ? zipf(country.cities, random).name
          : zipf(places, random)
        : null,
      tags: TAGS.filter((_, at) => chance(0.2 / (at + 1))),
      lifecycle_stage: pick(STAGES, random),
    };
  }
}
