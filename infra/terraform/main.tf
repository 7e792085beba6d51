# A stack of Ownpost as a Terraform module, over the packaged template: Terraform uploads it and CloudFormation expands it.
# docs/howto/other-tools.md says how to package; every parameter of infra/template.yaml goes into `parameters`.

terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "name" {
  description = "Name of the stack; every other name begins with it."
  type        = string
  default     = "ownpost"

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{0,63}$", var.name))
    error_message = "Letters, digits and -, a letter first, at most 64 characters."
  }
}

variable "template" {
  description = "File that `sam package` has written; its code is in S3 already."
  type        = string
}

variable "bucket" {
  description = "Bucket for the template, which is too long for a request; that of `sam package` will do."
  type        = string
}

variable "parameters" {
  description = "Parameters of the template, as text. JwtIssuer and JwtAudience have no default."
  type        = map(string)

  validation {
    condition     = alltrue([for name in ["JwtIssuer", "JwtAudience"] : contains(keys(var.parameters), name)])
    error_message = "Give JwtIssuer and JwtAudience."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}

# Its name has the content's hash, so that a new template is an update and an old one is still there to go back to.
resource "aws_s3_object" "template" {
  bucket = var.bucket
  key    = "${var.name}/${filemd5(var.template)}.yaml"
  source = var.template
}

resource "aws_cloudformation_stack" "ownpost" {
  name         = var.name
  template_url = "https://${var.bucket}.s3.amazonaws.com/${aws_s3_object.template.key}"
  capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
  parameters   = var.parameters
  tags         = var.tags

  timeouts {
    # A gradual deployment takes up to half an hour for each function.
    create = "30m"
    update = "180m"
    delete = "60m"
  }
}

output "outputs" {
  description = "Outputs of the stack: ApiUrl, BusName, EventsQueueUrl, PublisherPolicyArn and the others."
  value       = aws_cloudformation_stack.ownpost.outputs
}
