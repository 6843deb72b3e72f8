import { ZxcvbnFactory } from "@zxcvbn-ts/core";
import { adjacencyGraphs, dictionary as common } from "@zxcvbn-ts/language-common";
import { dictionary as english, translations } from "@zxcvbn-ts/language-en";
import type { StrengthAnswer, StrengthQuestion } from "./strength.ts";

declare const self: Worker;

const zxcvbn = new ZxcvbnFactory({
  dictionary: { ...common, ...english },
  graphs: adjacencyGraphs,
  translations,
  // Of the ways to read 4 as a and @ as a. By default 100 are tried, which takes half a second for
  // the 72 characters that are worst; 10 still find p455w0rd, in a third of that.
  l33tMaxSubstitutions: 10,
});

self.onmessage = ({ data }: MessageEvent<StrengthQuestion>) => {
  const { score, feedback } = zxcvbn.check(data.password, [...data.words]);
  const reasons = [feedback.warning ?? "", ...feedback.suggestions].filter((text) => text !== "");
  self.postMessage({ id: data.id, score, reasons } satisfies StrengthAnswer);
};
