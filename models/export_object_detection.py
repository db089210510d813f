"""Exports an SSD of TensorFlow's Object Detection API: python export_object_detection.py {ARCHITECTURE | PIPELINE.config [--checkpoint FOLDER]} [-o FILE.onnx]

In: a pipeline.config of the API with a checkpoint's folder, or one of the architectures below, as the API offers them trained, for 90 classes; without a checkpoint the weights are random
(--seed). Out: the SavedModel that the API's own exporter writes, in FILE.saved_model, and FILE.onnx, which tf2onnx makes of it. Who has a SavedModel needs tf2onnx alone.

    ssd_mobilenet_v2            300x300
    ssd_mobilenet_v2_fpnlite    320x320, a feature pyramid of depthwise separable convolutions
    ssd_resnet50_v1_fpn         640x640, RetinaNet

The API is in the package tf-models-research-object-detection, which pins older packages than work together; this does (Python 3.11):

    pip install tensorflow-cpu tf-keras tf2onnx tf-slim lxml contextlib2 matplotlib pandas pillow pycocotools lvis scipy pyyaml
    pip install --no-deps tensorflow-io tensorflow-io-gcs-filesystem tf-models-official tf-models-research-object-detection
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# The API is written for Keras 2, its messages for an older protobuf.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"

import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from object_detection import exporter_lib_v2
from object_detection.builders import model_builder
from object_detection.protos import pipeline_pb2

CONVOLUTIONS = """
    regularizer { l2_regularizer { weight: 0.00004 } }
    initializer { random_normal_initializer { stddev: 0.03 } }
    activation: RELU_6
    batch_norm { decay: 0.97 center: true scale: true epsilon: 0.001 }
"""
SSD = """
model {{ ssd {{
  num_classes: 90
  image_resizer {{ fixed_shape_resizer {{ height: {side} width: {side} }} }}
  feature_extractor {{
    {extractor} depth_multiplier: 1.0 min_depth: 16
    conv_hyperparams {{ {convolutions} }}
    override_base_feature_extractor_hyperparams: true
  }}
  box_coder {{ faster_rcnn_box_coder {{ y_scale: 10.0 x_scale: 10.0 height_scale: 5.0 width_scale: 5.0 }} }}
  matcher {{ argmax_matcher {{ matched_threshold: 0.5 unmatched_threshold: 0.5 }} }}
  similarity_calculator {{ iou_similarity {{ }} }}
  box_predictor {{ {predictor} {{
    {layers}
    conv_hyperparams {{ {convolutions} }}
  }} }}
  anchor_generator {{ {anchors} }}
  post_processing {{
    batch_non_max_suppression {{ score_threshold: 1e-8 iou_threshold: 0.6 max_detections_per_class: 100 max_total_detections: 100 }}
    score_converter: SIGMOID
  }}
  loss {{
    localization_loss {{ weighted_smooth_l1 {{ }} }}
    classification_loss {{ weighted_sigmoid {{ }} }}
  }}
  encode_background_as_zeros: true
}} }}
"""
# A head for each scale, or one that slides over all levels of a feature pyramid.
EACH = {
    "predictor": "convolutional_box_predictor",
    "anchors": """ssd_anchor_generator {
      num_layers: 6 min_scale: 0.2 max_scale: 0.95
      aspect_ratios: 1.0 aspect_ratios: 2.0 aspect_ratios: 0.5 aspect_ratios: 3.0 aspect_ratios: 0.3333
    }""",
}
SHARED = {
    "predictor": "weight_shared_convolutional_box_predictor",
    "anchors": """multiscale_anchor_generator {
      min_level: 3 max_level: 7 anchor_scale: 4.0 scales_per_octave: 2
      aspect_ratios: 1.0 aspect_ratios: 2.0 aspect_ratios: 0.5
    }""",
}
ARCHITECTURES = {
    "ssd_mobilenet_v2": EACH | {
        "side": 300,
        "extractor": 'type: "ssd_mobilenet_v2_keras"',
        "layers": "max_depth: 0 num_layers_before_predictor: 0 use_dropout: false kernel_size: 1",
    },
    "ssd_mobilenet_v2_fpnlite": SHARED | {
        "side": 320,
        "extractor": 'type: "ssd_mobilenet_v2_fpn_keras" use_depthwise: true fpn { min_level: 3 max_level: 7 additional_layer_depth: 128 }',
        "layers": "depth: 128 num_layers_before_predictor: 4 kernel_size: 3 class_prediction_bias_init: -4.6 share_prediction_tower: true use_depthwise: true",
    },
    "ssd_resnet50_v1_fpn": SHARED | {
        "side": 640,
        "extractor": 'type: "ssd_resnet50_v1_fpn_keras" fpn { min_level: 3 max_level: 7 }',
        "layers": "depth: 256 num_layers_before_predictor: 4 kernel_size: 3 class_prediction_bias_init: -4.6",
    },
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help=f"{', '.join(ARCHITECTURES)}, or a pipeline.config of the API")
    parser.add_argument("--checkpoint", type=Path, help="folder of the checkpoint that belongs to the pipeline.config")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, help="default: the architecture's name")
    arguments = parser.parse_args()
    known = ARCHITECTURES.get(arguments.model)
    if known is None and not Path(arguments.model).is_file():
        sys.exit(f"{arguments.model} is no file and none of {', '.join(ARCHITECTURES)}")
    config = SSD.format(**known, convolutions=CONVOLUTIONS) if known else Path(arguments.model).read_text()
    output = arguments.output or Path(f"{arguments.model if known else 'model'}.onnx")
    pipeline = text_format.Merge(config, pipeline_pb2.TrainEvalPipelineConfig())
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = arguments.checkpoint or random_checkpoint(pipeline, arguments.seed, Path(folder) / "checkpoint")
        exporter_lib_v2.export_inference_graph("image_tensor", pipeline, str(checkpoint), str(Path(folder) / "exported"))
        saved = output.with_suffix(".saved_model")
        shutil.move(Path(folder) / "exported" / "saved_model", saved)
    convert = [sys.executable, "-m", "tf2onnx.convert", "--opset", "17"]
    subprocess.run([*convert, "--saved-model", str(saved), "--output", str(output)], check=True)


def random_checkpoint(pipeline, seed, folder):
    """A checkpoint of random weights (He et al. 2015) whose batch normalisations have the means and variances of what passes them, each level of a pyramid its own, as trained ones have."""
    tf.keras.backend.set_learning_phase(True)
    model = model_builder.build(pipeline.model, is_training=True)
    size = pipeline.model.ssd.image_resizer.fixed_shape_resizer
    random = np.random.default_rng(seed)
    # Blurred as pictures are.
    small = random.uniform(0, 255, size=[8, 12, 12, 3]).astype(np.float32)
    pictures = model.preprocess(tf.image.resize(small, [size.height, size.width], "bicubic"))
    # The variables are made by the first pictures.
    model.predict(*pictures)
    for variable in model.trainable_variables:
        if len(variable.shape) == 4:
            rows, columns, inputs, _ = variable.shape
            read = rows * columns * (1 if "depthwise" in variable.name else inputs)
            variable.assign(random.normal(scale=(2 / read) ** 0.5, size=variable.shape))
    for layer in model.submodules:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model.predict(*pictures)
    tf.train.Checkpoint(model=model).save(str(folder / "ckpt"))
    tf.keras.backend.set_learning_phase(False)
    return folder


if __name__ == "__main__":
    main()
