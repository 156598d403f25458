/** The addresses of the runtimes, in the form that build tools recognise as assets. */
export const runtimes: { small: () => URL; full: () => URL };

/** The addresses of their relaxed-SIMD twins, or `null` when this build of the package has none. */
export const relaxedRuntimes: { small: () => URL; full: () => URL } | null;
