"""Pictures that are changed where a mask says so, and pictures made by tasks: Imagen on Vertex AI, Bedrock, DashScope."""

import base64
import io
from queue import SimpleQueue

from PIL import Image

from .model import Failure, need, need_members

WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def painted(mask64):
    """The pixels of a mask, which must be black and white and nothing between."""
    with Image.open(io.BytesIO(base64.b64decode(mask64))) as mask:
        need(mask.format == "PNG" and mask.mode == "RGB", f"a mask in {mask.mode}")
        pixels = [mask.getpixel((x, y)) for y in range(mask.height) for x in range(mask.width)]
    need(set(pixels) <= {WHITE, BLACK}, "a mask has only black and white")
    return pixels


def mask(changed):
    """OpenAI's mask: a row of pixels, transparent where `changed` is true."""
    picture = Image.new("RGBA", (len(changed), 1))
    for x, is_changed in enumerate(changed):
        picture.putpixel((x, 0), (9, 9, 9, 0 if is_changed else 255))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


class Changing:
    """`painted`: of the last mask that came, which pixels the provider would change."""

    def __init__(self, picture, fail):
        self.painted, self.picture, self.fail = None, picture, fail
        self.tasks = {}
        self.called_off = SimpleQueue()
        self.polls = 1
        """How often a task is asked after before it is done."""

    def imagen(self, body):
        need_members(body, {"instances", "parameters"})
        [instance] = body["instances"]
        need_members(instance, {"prompt", "referenceImages"})
        self.fail(instance["prompt"])
        raw, mask_image = instance["referenceImages"]
        need((raw["referenceType"], raw["referenceId"]) == ("REFERENCE_TYPE_RAW", 1), "the picture comes first")
        need(base64.b64decode(raw["referenceImage"]["bytesBase64Encoded"]), "no picture")
        need((mask_image["referenceType"], mask_image["referenceId"]) == ("REFERENCE_TYPE_MASK", 2), "then the mask")
        need(mask_image["maskImageConfig"] == {"maskMode": "MASK_MODE_USER_PROVIDED"}, "maskImageConfig")
        self.painted = [pixel == WHITE for pixel in painted(mask_image["referenceImage"]["bytesBase64Encoded"])]
        parameters = body["parameters"]
        need_members(parameters, {"sampleCount", "editMode", "negativePrompt", "outputOptions", "seed"})
        need(parameters["editMode"] == "EDIT_MODE_INPAINT_INSERTION", "editMode")
        count = parameters["sampleCount"]
        return {"predictions": [{"mimeType": "image/png", "bytesBase64Encoded": self.picture(at)} for at in range(count)]}

    def canvas(self, body):
        kind, member, changes = {
            "INPAINTING": ("INPAINTING", "inPaintingParams", BLACK),
            "OUTPAINTING": ("OUTPAINTING", "outPaintingParams", WHITE),
        }[body["taskType"]]
        need_members(body, {"taskType", member, "imageGenerationConfig"})
        task = body[member]
        need_members(task, {"text", "negativeText", "image", "maskImage", "maskPrompt", "outPaintingMode"})
        self.fail(task["text"])
        need(base64.b64decode(task["image"]) and ("maskImage" in task) != ("maskPrompt" in task), f"{kind}: one mask")
        if "maskImage" in task:
            self.painted = [pixel == changes for pixel in painted(task["maskImage"])]
        config = body["imageGenerationConfig"]
        need_members(config, {"numberOfImages", "quality", "cfgScale", "seed"})
        need(isinstance(config.get("cfgScale", 1.0), float), "cfgScale")
        return {"images": [self.picture(at) for at in range(config["numberOfImages"])], "error": None}

    def inpaint(self, body):
        need_members(body, {"image", "prompt", "mask", "grow_mask", "negative_prompt", "seed", "output_format", "style_preset"})
        self.fail(body["prompt"])
        need(base64.b64decode(body["image"]) and isinstance(body.get("grow_mask", 0), int), "image, grow_mask")
        self.painted = [pixel == WHITE for pixel in painted(body["mask"])]
        return {"seeds": [7], "finish_reasons": [None], "images": [self.picture(7)]}

    def begin(self, request, body):
        need(request.headers.get("x-dashscope-async") == "enable", "without X-DashScope-Async there is no such model")
        need_members(body, {"model", "input", "parameters"})
        shown, parameters = body["input"], body["parameters"]
        need_members(parameters, {"n", "size", "seed", "watermark", "prompt_extend", "strength"})
        need(1 <= parameters["n"] <= 4, "n")
        self.fail(shown["prompt"])
        if body["model"] == "wanx2.1-imageedit":
            need_members(shown, {"function", "prompt", "base_image_url", "mask_image_url"})
            need(shown["function"] == "description_edit_with_mask", "function")
            self.painted = [pixel == WHITE for pixel in painted(shown["mask_image_url"].removeprefix("data:image/png;base64,"))]
        else:
            need_members(shown, {"prompt", "negative_prompt"})
        name = f"task-{len(self.tasks)}"
        self.tasks[name] = [self.polls, parameters["n"], shown["prompt"]]
        return {"output": {"task_id": name, "task_status": "PENDING"}, "request_id": "d-2"}

    def after(self, name):
        left, count, prompt = self.tasks[name]
        if left:
            self.tasks[name][0] -= 1
            return {"output": {"task_id": name, "task_status": "RUNNING"}}
        told = {"task_id": name, "task_status": "SUCCEEDED"}
        if prompt == "something forbidden":
            return {"output": {**told, "task_status": "FAILED", "code": "DataInspectionFailed", "message": "no"}}
        return {"output": {**told, "results": [{"url": f"https://oss/{at}.png"} for at in range(count)]}}

    def cancel(self, name):
        self.called_off.put(name)
        return {"request_id": "d-3"}

    def invoke(self, model, body):
        """Bedrock's, or `None` where the body is no change."""
        if model.startswith("us.stability.stable-image-inpaint"):
            return self.inpaint(body)
        if body.get("taskType") in ("INPAINTING", "OUTPAINTING"):
            return self.canvas(body)
        return None


def xai(body, picture):
    """In JSON, though its answer is OpenAI's."""
    need_members(body, {"model", "prompt", "n", "image", "images", "response_format", "aspect_ratio", "resolution"})
    shown = [body["image"]] if "image" in body else body["images"]
    need(("image" in body) != ("images" in body), "one image, or several images")
    need(all(one["type"] == "image_url" and one["url"].startswith("data:image/png;base64,") for one in shown), "image")
    return {"data": [{"b64_json": picture, "mime_type": "image/jpeg", "revised_prompt": ""}] * body["n"]}


def hear(body, said):
    """Qwen3-ASR."""
    need_members(body, {"model", "input", "parameters"})
    *before, message = body["input"]["messages"]
    need(all(one["role"] == "system" for one in before) and message["role"] == "user", "roles")
    [part] = message["content"]
    need(part["audio"].startswith("data:audio/wav;base64,"), "audio")
    need_members(body.get("parameters", {}).get("asr_options", {}), {"language", "enable_itn"})
    if "fail" in "".join(part["text"] for one in before for part in one["content"]):
        raise Failure(429, None)
    choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": [{"text": said}]}}
    return {"output": {"choices": [choice]}, "usage": {"seconds": 2}}
