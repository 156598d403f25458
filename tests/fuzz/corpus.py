"""Writes the fuzzer's first files: small graphs that between them reach every part of the loader.

Run by hand (pip install onnx numpy) when a part is added: python tests/fuzz/corpus.py
"""

from pathlib import Path

import numpy as np
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

FOLDER = Path(__file__).parent / "corpus"
rng = np.random.default_rng(1)


def save(name, nodes, inputs, outputs, constants=(), functions=()):
    info = lambda ports: [h.make_tensor_value_info(n, t, s) for n, t, s in ports]
    graph = h.make_graph(nodes, name, info(inputs), info(outputs), [nh.from_array(np.asarray(v), n) for n, v in constants])
    sets = [("", 18), ("ai.onnx.ml", 3), ("com.microsoft", 1), ("own", 1)]
    model = h.make_model(graph, opset_imports=[h.make_opsetid(d, v) for d, v in sets], functions=list(functions), ir_version=8)
    (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString())


def weights(*shape):
    return rng.standard_normal(shape).astype(np.float32)


N, F, I, S = h.make_node, T.FLOAT, T.INT64, T.STRING
ml = {"domain": "ai.onnx.ml"}
ms = {"domain": "com.microsoft"}
x2 = [("x", F, ["batch", 2])]
y = [("y", F, None)]

save("perceptron", [N("Gemm", ["x", "w", "b"], ["a"]), N("Relu", ["a"], ["r"]), N("Div", ["r", "r"], ["d"]), N("Sigmoid", ["d"], ["y"])],
     x2, y, [("w", weights(2, 3)), ("b", weights(3))])
save("convolution", [N("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1], strides=[2, 2]), N("MaxPool", ["c"], ["p"], kernel_shape=[2, 2]),
                     N("GlobalAveragePool", ["p"], ["g"]), N("Flatten", ["g"], ["f"]), N("Softmax", ["f"], ["y"])],
     [("x", F, ["batch", 1, 8, 8])], y, [("w", weights(2, 1, 3, 3))])
save("transposed", [N("ConvTranspose", ["x", "w"], ["c"], strides=[2, 2], output_padding=[1, 1]),
                    N("Resize", ["c", "", "s"], ["y"], mode="linear")],
     [("x", F, [1, 1, 4, 4])], y, [("w", weights(1, 2, 3, 3)), ("s", np.array([1, 1, 2, 2], np.float32))])
save("recurrent", [N("LSTM", ["x", "w", "r"], ["l", "", ""], hidden_size=3, direction="bidirectional"),
                   N("ReduceLogSumExp", ["l"], ["y"], keepdims=0)],
     [("x", F, [4, "batch", 2])], y, [("w", weights(2, 12, 2)), ("r", weights(2, 12, 3))])
save("attention", [N("MatMul", ["x", "q"], ["a"]), N("Transpose", ["x"], ["t"], perm=[0, 2, 1]), N("MatMul", ["a", "t"], ["s"]),
                   N("Softmax", ["s"], ["m"], axis=-1), N("MatMul", ["m", "x"], ["v"]),
                   N("LayerNormalization", ["v", "g"], ["y"])],
     [("x", F, ["batch", 3, 4])], y, [("q", weights(4, 4)), ("g", np.ones(4, np.float32))])
save("trees", [N("TreeEnsembleClassifier", ["x"], ["label", "y"], **ml, classlabels_strings=["no", "yes"], post_transform="LOGISTIC",
                 nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2], nodes_featureids=[1, 0, 0], nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
                 nodes_values=[0.5, 0.0, 0.0], nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0], nodes_hitrates=[1.0, 1.0, 1.0],
                 nodes_missing_value_tracks_true=[1, 0, 0], class_treeids=[0, 0], class_nodeids=[1, 2], class_ids=[0, 0],
                 class_weights=[-1.0, 2.0], base_values=[0.1])],
     x2, [("label", S, None), *y])
save("pipeline", [N("Imputer", ["x"], ["i"], **ml, imputed_value_floats=[0.5, 1.0], replaced_value_float=float("nan")),
                  N("Scaler", ["i"], ["s"], **ml, offset=[1.0, 0.0], scale=[2.0, 0.5]), N("Normalizer", ["s"], ["n"], **ml, norm="L2"),
                  N("LinearClassifier", ["n"], ["label", "p"], **ml, classlabels_ints=[0, 1], coefficients=[1.0, -1.0, -1.0, 1.0],
                    intercepts=[0.1, -0.1], multi_class=0, post_transform="SOFTMAX"),
                  N("ZipMap", ["p"], ["z"], **ml, classlabels_int64s=[0, 1]), N("Identity", ["p"], ["y"])],
     x2, [("label", I, None), *y])
save("vectors", [N("SVMClassifier", ["x"], ["label", "y"], **ml, classlabels_ints=[0, 1], kernel_type="RBF", kernel_params=[0.5, 0.0, 3.0],
                   vectors_per_class=[1, 1], support_vectors=[0.0, 1.0, 1.0, 0.0], coefficients=[1.0, -1.0], rho=[0.2], prob_a=[-1.0], prob_b=[0.1])],
     x2, [("label", I, None), *y])
save("words", [N("StringNormalizer", ["x"], ["n"], case_change_action="LOWER"),
               N("Tokenizer", ["n"], ["t"], **ms, mark=0, mincharnum=1, pad_value="#", tokenexp="[a-z]+"),
               N("Flatten", ["t"], ["f"], axis=1),
               N("TfIdfVectorizer", ["t"], ["y"], mode="TF", min_gram_length=1, max_gram_length=1, max_skip_count=0,
                 ngram_counts=[0], ngram_indexes=[0, 1], pool_strings=["a", "b"])],
     [("x", S, [3])], y)
save("categories", [N("OneHotEncoder", ["x"], ["o"], **ml, cats_strings=["a", "b"], zeros=1), N("Flatten", ["o"], ["y"]),
                    N("LabelEncoder", ["x"], ["code"], **ml, keys_strings=["a", "b"], values_int64s=[1, 2], default_int64=-1)],
     [("x", S, ["batch", 1])], [*y, ("code", I, None)])
save("quantised", [N("QuantizeLinear", ["x", "scale", "zero"], ["q"]), N("DequantizeLinear", ["wq", "scale", "zero"], ["w"]),
                   N("DequantizeLinear", ["q", "scale", "zero"], ["d"]), N("MatMul", ["d", "w"], ["m"]),
                   N("DynamicQuantizeLinear", ["m"], ["y8", "ys", "yz"]), N("DequantizeLinear", ["y8", "ys", "yz"], ["y"])],
     x2, y, [("scale", np.float32(0.1)), ("zero", np.uint8(128)), ("wq", np.array([[100, 140], [130, 120]], np.uint8))])
save("fused", [N("FusedGemm", ["x", "w", "b"], ["g"], **ms, activation="Relu"), N("FusedMatMul", ["g", "w"], ["m"], **ms, alpha=0.5, transB=1),
               N("Gelu", ["m"], ["y"], **ms)], x2, y, [("w", weights(2, 2)), ("b", weights(2))])
body = h.make_graph([N("Add", ["carry", "carry"], ["next"]), N("Identity", ["go"], ["on"]), N("Identity", ["next"], ["scan"])], "body",
                    [h.make_tensor_value_info("turn", I, []), h.make_tensor_value_info("go", T.BOOL, []), h.make_tensor_value_info("carry", F, None)],
                    [h.make_tensor_value_info("on", T.BOOL, []), h.make_tensor_value_info("next", F, None), h.make_tensor_value_info("scan", F, None)])
save("loop", [N("Loop", ["times", "yes", "x"], ["last", "y"], body=body)], x2, y, [("times", np.int64(3)), ("yes", np.array(True))])
branch = lambda name, op: h.make_graph([N(op, ["x"], [name])], name, [], [h.make_tensor_value_info(name, F, None)])
save("choice", [N("ReduceSum", ["x"], ["sum"], keepdims=0), N("Greater", ["sum", "zero"], ["positive"]),
                N("If", ["positive"], ["y"], then_branch=branch("then", "Neg"), else_branch=branch("else", "Abs"))],
     x2, y, [("zero", np.float32(0))])
save("sequence", [N("SplitToSequence", ["x"], ["s"], axis=1), N("SequenceAt", ["s", "one"], ["a"]), N("SequenceInsert", ["s", "a"], ["t"]),
                  N("ConcatFromSequence", ["t"], ["y"], axis=1)], x2, y, [("one", np.int64(1))])
save("shapes", [N("Shape", ["x"], ["s"]), N("Gather", ["s", "zero"], ["n"]), N("Concat", ["n", "minus"], ["to"], axis=0), N("Reshape", ["x", "to"], ["r"]),
                N("Slice", ["r", "zero", "one", "one"], ["c"]), N("Pad", ["c", "pads"], ["p"]), N("Tile", ["p", "twice"], ["y"])],
     x2, y, [("zero", np.array([0])), ("one", np.array([1])), ("minus", np.array([-1])), ("pads", np.array([0, 1, 0, 1])), ("twice", np.array([1, 2]))])
twice = h.make_function("own", "Twice", ["a"], ["b"], [N("Add", ["a", "a"], ["b"])], [h.make_opsetid("", 18)])
save("function", [N("Twice", ["x"], ["t"], domain="own"), N("Cast", ["t"], ["h"], to=T.FLOAT16), N("Cast", ["h"], ["y"], to=F)], x2, y, functions=[twice])
save("half", [N("MatMul", ["x", "w"], ["y"])], [("x", T.FLOAT16, ["batch", 2])], [("y", T.FLOAT16, None)], [("w", weights(2, 2).astype(np.float16))])
save("sparse_indices", [N("TopK", ["x", "k"], ["v", "i"]), N("GatherElements", ["x", "i"], ["g"], axis=1), N("ScatterND", ["g", "at", "u"], ["n"]),
                        N("NonZero", ["n"], ["z"]), N("Unique", ["x"], ["q"]), N("Einsum", ["n", "n"], ["y"], equation="ij,kj->ik")],
     x2, [*y, ("z", I, None), ("q", F, None)], [("k", np.array([2])), ("at", np.array([[0]])), ("u", np.zeros((1, 2), np.float32))])
