import { parser } from "@prometheus-io/lezer-promql";

/** A part of an expression that chooses series. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly {
    readonly label: string;
    readonly op: string;
    readonly value: string;
  }[];
  /** The functions and aggregations around it, from the inside out: `rate`, `sum`. */
  readonly within: readonly string[];
  /** What those aggregations keep of its labels, from the inside out. */
  readonly kept: readonly (readonly string[])[];
}

interface Expression {
  readonly selectors: readonly Selector[];
  /** What its series can be told apart by; null where nothing has aggregated them. */
  readonly labels: readonly string[] | null;
}

type Node = ReturnType<typeof parser.parse>["topNode"];

/** Reads PromQL. Throws if it is none. Variables of Grafana's are taken for what they stand for. */
export function readPromQl(text: string): Expression {
  const source = text.replaceAll("$__rate_interval", "5m").replaceAll("$instance", ".*");
  const tree = parser.parse(source);
  const textOf = ({ from, to }: Node): string => source.slice(from, to);
  const selectors: Selector[] = [];
  tree.iterate({
    enter({ type, from, node }) {
      if (type.isError) throw new Error(`no PromQL at ${from}: ${text}`);
      if (type.name === "VectorSelector") selectors.push(selectorOf(node, textOf));
    },
  });
  const kept = selectors.map((selector) => selector.kept.at(-1));
  return {
    selectors,
    labels: kept.every((labels) => labels !== undefined) ? [...new Set(kept.flat())] : null,
  };
}

function selectorOf(node: Node, textOf: (node: Node) => string): Selector {
  const matchers = node.getChild("LabelMatchers")?.getChildren("UnquotedLabelMatcher") ?? [];
  const part = (of: Node, name: string): string => {
    const found = of.getChild(name);
    if (found === null) throw new Error(`there is no ${name} in ${textOf(of)}`);
    return textOf(found);
  };
  const around = ancestors(node);
  return {
    metric: part(node, "Identifier"),
    matchers: matchers.map((matcher) => ({
      label: part(matcher, "LabelName"),
      op: part(matcher, "MatchOp"),
      value: JSON.parse(part(matcher, "StringLiteral")),
    })),
    within: around.flatMap((each) => {
      const name = each.getChild("FunctionIdentifier") ?? each.getChild("AggregateOp");
      return name === null ? [] : [textOf(name)];
    }),
    kept: around
      .filter(({ name }) => name === "AggregateExpr")
      .filter((each) => !/^(topk|bottomk)/.test(textOf(each)))
      .map((each) => {
        const modifier = each.getChild("AggregateModifier");
        if (modifier === null) return [];
        if (modifier.getChild("By") === null) throw new Error(`not by: ${textOf(modifier)}`);
        return (modifier.getChild("GroupingLabels")?.getChildren("LabelName") ?? []).map(textOf);
      }),
  };
}

function ancestors({ parent }: Node): Node[] {
  return parent === null ? [] : [parent, ...ancestors(parent)];
}
