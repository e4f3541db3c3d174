#!/bin/bash
# onnxruntime 1.32.0, onnx 1.23.2, onnxscript 0.7.2, torch 2.13.0 (CPU), Python 3.11
#
# quantize_dynamic(..., weight_type=QuantType.QInt8) on an encoder of one embedding table and one linear layer.
# Expected: the linear layer's weights become int8, as torch's own dynamic quantisation does; the table of words stays float32.
# Seen: the table is quantised too, since Gather is among the operators by default: to uint8, although QInt8 was asked for, with a
#   single scale for all rows, so that a row of large numbers coarsens every other word:
#     by default                  linear int8, table uint8, values of the table's scale 1
#     op_types_to_quantize=MatMul, Gemm: linear int8, table float32
#   The mean error of the other words' vectors is over 10 times as large by default where one row is 30 times as large as the rest.
# Exits with 1 if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 onnx==1.23.2 onnxruntime==1.32.0 onnxscript==0.7.2
cat > "$folder/try.py" <<'PY'
import sys

import numpy
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

torch.manual_seed(0)
words, width = 500, 32


class Encoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.linear = torch.nn.Embedding(words, width), torch.nn.Linear(width, width)

    def forward(self, ids):
        return self.linear(self.table(ids))


encoder = Encoder().eval()
with torch.no_grad():
    encoder.table.weight[7] *= 30
ids = torch.arange(10, 90).reshape(8, 10)  # without word 7
length = torch.export.Dim("length")
torch.onnx.export(encoder, (ids,), "plain.onnx", dynamo=True, dynamic_shapes=({1: length},), input_names=["ids"], external_data=False, verbose=False)
exact, types, errors = encoder(ids).detach().numpy(), {}, {}
for name, operators in (("by default", None), ("MatMul, Gemm", ["MatMul", "Gemm"])):
    quantize_dynamic("plain.onnx", "small.onnx", weight_type=QuantType.QInt8, op_types_to_quantize=operators)
    tensors = list(onnx.load("small.onnx").graph.initializer)
    kinds = {2: "uint8", 3: "int8", 1: "float32"}
    table = next(tensor for tensor in tensors if words in tensor.dims)
    linear = next(tensor for tensor in tensors if list(tensor.dims) == [width, width])
    scales = [numpy.size(onnx.numpy_helper.to_array(tensor)) for tensor in tensors if tensor.name.startswith("table") and tensor.name.endswith("scale")]
    types[name] = (kinds[linear.data_type], kinds[table.data_type], *scales)
    given = onnxruntime.InferenceSession("small.onnx", providers=["CPUExecutionProvider"]).run(None, {"ids": ids.numpy()})[0]
    errors[name] = float(numpy.abs(given - exact).mean())
    print(f"{name:13} linear, table, scales: {types[name]}; mean error {errors[name]:.5f}")
expected = {"by default": ("int8", "uint8", 1), "MatMul, Gemm": ("int8", "float32")}
sys.exit(types != expected or errors["by default"] < 10 * errors["MatMul, Gemm"])
PY
cd "$folder"
"$folder/venv/bin/python" "$folder/try.py" 2>/dev/null
