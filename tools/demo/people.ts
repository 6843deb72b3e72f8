/** What people of one country are called, where they work, and how they are rung up. */
export interface Country {
  /** ISO 3166-1 alpha-2. */
  readonly code: string;
  /** How many of a hundred contacts live there. */
  readonly share: number;
  /** Commonest first, as all these lists. With a name in another script, how e-mail spells it. */
  readonly firstNames: readonly Entry[];
  readonly lastNames: readonly Entry[];
  readonly companies: readonly Entry[];
  /** With their postal codes. */
  readonly cities: readonly Entry[];
  readonly street: (number: number) => string;
  /**
   * A telephone number that its regulator keeps for fiction, from a number below 100. Countries
   * without such a range have none: an invented number may be somebody's.
   */
  readonly phone?: (number: number) => string;
}

export interface Entry {
  readonly name: string;
  /** What stood in brackets behind the name. */
  readonly note?: string;
}

function list(text: string): Entry[] {
  return text.split(", ").map((item) => {
    const [name = "", note] = item.split(/ \(|\)/);
    return { name, ...(note !== undefined && { note }) };
  });
}

const two = (number: number): string => String(number).padStart(2, "0");

// Ranges for fiction: NANP 555-0100 to 0199; Ofcom "numbers for drama"; Bundesnetzagentur
// "Drama-Nummern"; ARCEP decision 2018-0881; PTS; ACMA.
export const countries: readonly Country[] = [
  {
    code: "US",
    share: 26,
    firstNames: list(
      "James, Mary, Michael, Jennifer, Robert, Linda, José, Ashley, Latoya, Nguyệt, Zoë",
    ),
    lastNames: list(
      "Smith, Johnson, Williams, Brown, Jones, Garcia, Miller, Rodríguez, O'Connor, Nguyen, Smith-Jones",
    ),
    companies: list(
      "Harbor & Pine Supply, Blue Mesa Analytics, Tri-County Freight, Juniper Health Partners, Lakeside Tooling Inc.",
    ),
    cities: list("Chicago (60601), Austin (78701), Seattle (98101), Boston (02108)"),
    street: (number) => `${number} Main Street`,
    phone: (number) => `+1 312-555-01${two(number)}`,
  },
  {
    code: "GB",
    share: 14,
    firstNames: list("Oliver, Amelia, Harry, Isla, Mohammed, Sophie, Siân, Rhys, Niamh"),
    lastNames: list(
      "Smith, Jones, Taylor, Brown, Williams, Khan, Patel, Davies, MacDonald, Ó Súilleabháin",
    ),
    companies: list(
      "Thornbury Instruments Ltd, Quay Street Partners, Pennine Foods plc, Larkfield & Sons",
    ),
    cities: list("London (EC1A 1BB), Manchester (M1 1AE), Cardiff (CF10 1EP)"),
    street: (number) => `${number} High Street`,
    phone: (number) => `+44 20 7946 00${two(number)}`,
  },
  {
    code: "DE",
    share: 12,
    firstNames: list("Thomas, Anna, Michael, Sabine, Jürgen, Björn, Käthe, Ayşe, Jörg-Peter"),
    lastNames: list(
      "Müller, Schmidt, Schneider, Weber, Groß, Yılmaz, von der Heide, Böhm, Straßer",
    ),
    companies: list(
      "Nordwind Logistik GmbH, Böhm Werkzeugbau KG, Elbtor Versicherungen AG, Grünwald & Partner",
    ),
    cities: list("Berlin (10115), Hamburg (20095), Köln (50667)"),
    street: (number) => `Bahnhofstraße ${number}`,
    phone: (number) => `+49 30 231250${two(number)}`,
  },
  {
    code: "FR",
    share: 9,
    firstNames: list("Marie, Jean, Camille, Élodie, François, Chloé, Jean-Baptiste, Noël"),
    lastNames: list("Martin, Bernard, Dubois, Lefèvre, Moreau, D'Angelo, Garçon, Benoît"),
    companies: list("Atelier Lumière, Transports Vauclair, Groupe Hélios, Boulanger-Roche SARL"),
    cities: list("Paris (75001), Lyon (69001), Orléans (45000)"),
    street: (number) => `${number} rue de la République`,
    phone: (number) => `+33 1 99 00 12 ${two(number)}`,
  },
  {
    code: "ES",
    share: 8,
    firstNames: list("María, Antonio, José, Lucía, Begoña, Íñigo, Núria"),
    lastNames: list("García, Fernández, Martínez, Peña, Ibáñez, Núñez Ortega, de la Fuente"),
    companies: list("Olivares del Sur S.A., Construcciones Peñalara, Marisma Digital"),
    cities: list("Madrid (28001), Sevilla (41001), A Coruña (15001)"),
    street: (number) => `Calle Mayor ${number}`,
  },
  {
    code: "IN",
    share: 7,
    firstNames: list("Priya, Rahul, Ananya, Mohammed, Lakshmi, Arjun"),
    lastNames: list("Kumar, Patel, Singh, Sharma, Iyer, Khan"),
    companies: list("Deccan Software Services, Sagar Textiles, Himalaya Agro"),
    cities: list("Mumbai (400001), Bengaluru (560001), Kolkata (700001)"),
    street: (number) => `${number} M G Road`,
  },
  {
    code: "PL",
    share: 5,
    firstNames: list("Anna, Piotr, Małgorzata, Łukasz, Zofia, Grzegorz"),
    lastNames: list("Nowak, Kowalska, Wiśniewski, Wójcik, Dąbrowska, Żółtowski"),
    companies: list("Wisła Transport sp. z o.o., Bursztyn Software, Zakłady Łódzkie"),
    cities: list("Warszawa (00-001), Łódź (90-001), Kraków (30-001)"),
    street: (number) => `ul. Długa ${number}`,
  },
  {
    code: "SE",
    share: 4,
    firstNames: list("Anna, Erik, Åsa, Björn, Maja"),
    lastNames: list("Andersson, Johansson, Lindström, Öberg, Sjögren"),
    companies: list("Norrsken Energi AB, Skärgård Shipping"),
    cities: list("Stockholm (111 20), Göteborg (411 03), Malmö (211 20)"),
    street: (number) => `Storgatan ${number}`,
    phone: (number) => `+46 8 465 004 ${two(number)}`,
  },
  {
    code: "BR",
    share: 4,
    firstNames: list("Maria, João, Ana, Antônio, Conceição"),
    lastNames: list("Silva, Santos, Gonçalves, Araújo, Magalhães"),
    companies: list("Café Serra Azul, Logística Guará"),
    cities: list("São Paulo (01000-000), Brasília (70040-010)"),
    street: (number) => `Rua das Flores, ${number}`,
  },
  {
    code: "AU",
    share: 3,
    firstNames: list("Charlotte, Jack, Mia, Lachlan"),
    lastNames: list("Smith, Nguyen, Wilson, Campbell"),
    companies: list("Coral Coast Tours, Redgum Engineering"),
    cities: list("Sydney (2000), Hobart (7000)"),
    street: (number) => `${number} George Street`,
    phone: (number) => `+61 2 5550 10${two(number)}`,
  },
  {
    code: "JP",
    share: 4,
    firstNames: list("翔太 (shota), 陽子 (yoko), 健 (ken), さくら (sakura)"),
    lastNames: list("佐藤 (sato), 鈴木 (suzuki), 高橋 (takahashi), 山田 (yamada)"),
    companies: list("さくら製作所 (sakura-seisakusho), Aozora Trading K.K."),
    cities: list("東京 (100-0001), 大阪 (530-0001)"),
    street: (number) => `中央 1-2-${number}`,
  },
  {
    code: "UA",
    share: 2,
    firstNames: list("Олена (olena), Андрій (andrii), Юлія (yuliia)"),
    lastNames: list("Шевченко (shevchenko), Коваленко (kovalenko), Бондар (bondar)"),
    companies: list("Дніпро Логістика (dnipro-logistyka)"),
    cities: list("Київ (01001), Львів (79000)"),
    street: (number) => `вул. Шевченка, ${number}`,
  },
  {
    code: "GR",
    share: 2,
    firstNames: list("Γιώργος (giorgos), Μαρία (maria), Ελένη (eleni)"),
    lastNames: list("Παπαδόπουλος (papadopoulos), Γεωργίου (georgiou)"),
    companies: list("Αιγαίο Ναυτιλιακή (aigaio)"),
    cities: list("Αθήνα (105 57), Θεσσαλονίκη (546 24)"),
    street: (number) => `Ερμού ${number}`,
  },
];
