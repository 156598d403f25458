// Plain JavaScript of a model, as a code generator such as m2cgen writes it: no library, no WebAssembly, numbers as double.
// A linear model is one expression, a graph of columns one expression for each column. Trees are there in both usual
// ways, and the faster one answers: flat typed arrays a single row, nested ifs with a function for each tree a batch.

/**
 * The text of a module that exports `predict(feeds, rows)`: typed arrays by input name in, typed arrays by output name
 * out. `null` for a graph that no such generator serves. `until` names a value to stop at: it is then the only output.
 */
export function generate({ inputs, outputs, nodes, tensors }, until) {
  const [first, ...others] = nodes;
  if (first.op === "TreeEnsembleClassifier" && others.every(({ op }) => op === "Identity")) return trees(inputs[0], first.attributes);
  if (first.op === "Scaler" && others[0]?.op === "LinearClassifier") return scaledLinear(inputs[0], first.attributes, others[0].attributes);
  return columns({ inputs, outputs: until ? [until] : outputs, nodes, tensors });
}

const SIGMOID = "const sigmoid = (z) => 1 / (1 + Math.exp(-z));\n";

/** What both classifiers share: two classes, named 0 and 1. `body` leaves [p0, p1] in `p0` and `p1`. */
const classifier = (input, width, head, body) => `${SIGMOID}${head}
export function predict(feeds, rows) {
  const x = feeds[${JSON.stringify(input)}], label = new BigInt64Array(rows), probabilities = new Float32Array(2 * rows);
  for (let row = 0, at = 0; row < rows; row++, at += ${width}) {
${body}
    probabilities[2 * row] = p0;
    probabilities[2 * row + 1] = p1;
    label[row] = p1 > p0 ? 1n : 0n;
  }
  return { label, probabilities };
}
`;

function scaledLinear(input, { offset, scale }, { coefficients, intercepts, post_transform }) {
  if (post_transform !== "LOGISTIC" || intercepts.length !== 2) throw new Error("javascript.mjs knows linear classifiers of two classes with LOGISTIC.");
  const score = (k) => offset.map((from, i) => `(x[at + ${i}] - ${literal(from)}) * ${literal(scale[i] * coefficients[k * offset.length + i])}`).join(" + ") + ` + ${literal(intercepts[k])}`;
  return classifier(input, offset.length, "", `    const p0 = sigmoid(${score(0)});\n    const p1 = sigmoid(${score(1)});`);
}

function trees(input, given) {
  const { post_transform, base_values = [0], class_ids } = given;
  if (given.classlabels_int64s.length !== 2 || new Set(class_ids).size !== 1 || !given.nodes_modes.every((mode) => mode === "LEAF" || mode === "BRANCH_LEQ")) {
    throw new Error("javascript.mjs knows tree ensembles of two classes with one weight per leaf and branches by <=.");
  }
  const at = new Map(given.nodes_treeids.map((tree, i) => [`${tree} ${given.nodes_nodeids[i]}`, i]));
  const weights = new Map(given.class_treeids.map((tree, i) => [`${tree} ${given.class_nodeids[i]}`, given.class_weights[i]]));
  const nodes = given.nodes_treeids.map((tree, i) => {
    if (given.nodes_modes[i] === "LEAF") return { weight: weights.get(`${tree} ${given.nodes_nodeids[i]}`) };
    const child = (ids) => at.get(`${tree} ${ids[i]}`);
    return { feature: given.nodes_featureids[i], threshold: given.nodes_values[i], yes: child(given.nodes_truenodeids), no: child(given.nodes_falsenodeids) };
  });
  const roots = [...new Set(given.nodes_treeids)].map((tree) => at.get(`${tree} 0`));
  const head = `${flatTrees(nodes, roots)}\n${nestedTrees(nodes, roots)}`;
  const probability = post_transform === "LOGISTIC" ? "sigmoid(sum)" : "sum";
  return classifier(input, "x.length / rows", head, `    const sum = ${literal(base_values[0])} + (rows === 1 ? flat(x) : nested(x, at));\n    const p1 = ${probability}, p0 = 1 - p1;`);
}

function flatTrees(nodes, roots) {
  const list = (of) => `[${nodes.map((node) => of(node) ?? 0).join()}]`;
  return `const roots = Int32Array.of(${roots}), feature = new Int16Array(${list(({ feature }) => feature ?? -1)}), value = new Float32Array(${list(({ threshold, weight }) => threshold ?? weight)});
const yes = new Int32Array(${list(({ yes }) => yes)}), no = new Int32Array(${list(({ no }) => no)});
function flat(x) {
  let sum = 0;
  for (let tree = 0; tree < roots.length; tree++) {
    let i = roots[tree];
    while (feature[i] >= 0) i = x[feature[i]] <= value[i] ? yes[i] : no[i];
    sum += value[i];
  }
  return sum;
}`;
}

function nestedTrees(nodes, roots) {
  const code = ({ weight, feature, threshold, yes, no }) =>
    weight === undefined ? `if (x[at + ${feature}] <= ${literal(threshold)}) { ${code(nodes[yes])} } else { ${code(nodes[no])} }` : `return ${literal(weight)};`;
  return `${roots.map((root, tree) => `function tree${tree}(x, at) { ${code(nodes[root])} }`).join("\n")}
const nested = (x, at) => ${roots.map((_, tree) => `tree${tree}(x, at)`).join(" + ")};`;
}

/** A graph of elementwise operators over columns: every column of every value is one local variable. */
function columns({ inputs, outputs, nodes, tensors }) {
  const values = new Map(Object.entries(tensors).map(([name, { data }]) => [name, data.map(literal)]));
  for (const name of inputs) values.set(name, [`Number(feeds[${JSON.stringify(name)}][row])`]);
  const lines = [];
  for (const { op, inputs: names, outputs: [output], attributes } of nodes) {
    const given = names.map((name) => values.get(name));
    const made = column(op, given, tensors[names[1]]?.shape, attributes);
    if (!made) return null;
    values.set(output, made.map((expression) => (lines.push(`const v${lines.length} = ${expression};`), `v${lines.length - 1}`)));
    if (outputs.includes(output) && outputs.length === 1) break;
  }
  const width = (name) => values.get(name).length;
  const stored = (name, value) => (typeOf(nodes, name) === "BigInt64Array" ? `BigInt(${value})` : value);
  const store = outputs.flatMap((name, o) => values.get(name).map((value, k) => `out${o}[row * ${width(name)} + ${k}] = ${stored(name, value)};`));
  return `${SIGMOID}export function predict(feeds, rows) {
  ${outputs.map((name, o) => `const out${o} = new ${typeOf(nodes, name)}(rows * ${width(name)});`).join("\n  ")}
  for (let row = 0; row < rows; row++) {
    ${lines.join("\n    ")}
    ${store.join("\n    ")}
  }
  return { ${outputs.map((name, o) => `${JSON.stringify(name)}: out${o}`).join(", ")} };
}
`;
}

const typeOf = (nodes, name) => (nodes.find(({ outputs }) => outputs.includes(name)).op === "ArgMax" ? "BigInt64Array" : "Float32Array");

const ELEMENTWISE = {
  IsNaN: (a) => `Number.isNaN(${a})`,
  Where: (test, yes, no) => `${test} ? ${yes} : ${no}`,
  Max: (a, b) => `Math.max(${a}, ${b})`,
  Add: (a, b) => `${a} + ${b}`,
  Sub: (a, b) => `${a} - ${b}`,
  Mul: (a, b) => `${a} * ${b}`,
  Log: (a) => `Math.log(${a})`,
  Less: (a, b) => `${a} < ${b}`,
  Equal: (a, b) => `${a} === ${b}`,
  GreaterOrEqual: (a, b) => `${a} >= ${b}`,
  Cast: (a) => `Number(${a})`,
  Sigmoid: (a) => `sigmoid(${a})`,
};

function column(op, given, shape, { axis }) {
  if (op === "Concat" && axis === 1) return given.flat();
  if (op === "ArgMax" && given[0].length === 2) return [`${given[0][1]} > ${given[0][0]} ? 1 : 0`];
  if (op === "MatMul" && shape) {
    const [rows, width] = shape;
    return Array.from({ length: width }, (_, k) => Array.from({ length: rows }, (_, i) => `${given[0][i]} * ${given[1][i * width + k]}`).join(" + "));
  }
  const make = ELEMENTWISE[op];
  if (!make) return null;
  const width = Math.max(...given.map(({ length }) => length));
  return Array.from({ length: width }, (_, k) => make(...given.map((column) => column[column.length === 1 ? 0 : k])));
}

/** A number as source text, in brackets where a sign could run into an operator. */
function literal(value) {
  return value < 0 || Object.is(value, -0) ? `(${value})` : String(value);
}
