/** Names under which requests and answers carry what may be in no log. */
const SECRETS =
  /^(password|currentPassword|newPassword|accessToken|refreshToken|token|invitationToken|resetToken|key|apiKey|challenge|secret|uri|recoveryCodes|email)$/;
/** Shorter values may be in a line by chance. */
const LEAST_LENGTH = 8;

/** The secrets that tests have sent and received, to be looked for where they must not be. */
export interface PlantedSecrets {
  /** Takes the secrets out of a request or an answer. */
  plant(message: unknown): void;
  /** The lines that hold one of them, or anything that looks like one. */
  findIn(log: readonly string[]): string[];
}

export function plantedSecrets(): PlantedSecrets {
  const planted = new Set<string>();

  function plant(message: unknown, secret = false): void {
    if (typeof message === "string" && secret && message.length >= LEAST_LENGTH) {
      planted.add(JSON.stringify(message).slice(1, -1));
    }
    if (typeof message !== "object" || message === null) return;
    for (const [name, value] of Object.entries(message)) {
      plant(value, SECRETS.test(name) || (Array.isArray(message) && secret));
    }
  }

  return {
    plant: (message) => plant(message),
    findIn(log) {
      const secrets = [...planted];
      return log.filter(
        (line) =>
          /eyJ[\w-]+\.|crm[a-z]?_[\w-]{20}|[\w.+-]@[\w-]+\.[a-z]/.test(line) ||
          secrets.some((secret) => line.includes(secret)),
      );
    },
  };
}
