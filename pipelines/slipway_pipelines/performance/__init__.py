"""The Job behind a trigger of type Performance: live predictions, judged by the labels that came after them."""
