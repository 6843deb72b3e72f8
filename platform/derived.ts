/**
 * Makes something of an object once, and gives the same thing for the same object as long as that
 * lives. The object must not change.
 */
export function derived<From extends WeakKey, Made>(
  make: (from: From) => Made,
): (from: From) => Made {
  const made = new WeakMap<From, { readonly value: Made }>();
  return (from) => {
    const known = made.get(from);
    if (known !== undefined) return known.value;
    const value = make(from);
    made.set(from, { value });
    return value;
  };
}
