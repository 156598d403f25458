/** The address of the full runtime, in the form that build tools recognise as an asset. */
export function fullRuntime(): URL;

/** The address of its relaxed-SIMD twin, or `null` when this build of the package has none. */
export const relaxedRuntime: (() => URL) | null;
